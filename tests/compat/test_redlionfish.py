"""RedLionfish's functions over this engine: the same calls, the right results."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from fixtures.scenes import cell, error

import rlcore
import rlcore.compat.redlionfish as rl

SCENE = cell((10, 24, 26), (5, 6, 6))

SIGNATURES = {
    "doRLDeconvolutionFromNpArrays": "data_np psf_np * niter=10 method='gpu' useBlockAlgorithm=False "
    "callbkTickFunc=None resAsUint8=False",
    "doRLDeconvolutionFromFiles": "datapath psfpath niter savepath=None",
    "nonBlock_RLDeconvolutionReiknaOCL": "data_np psf_np * niter=10 callbkTickFunc=None",
    "block_RLDeconv3DReiknaOCL": "data psfdata * niter=10 max_dim_size=256 psfpaddingfract=1.2 callbkTickFunc=None",
    "doRLDeconvolution_DL2_4": "data_np psf_np * niter=10 callbkTickFunc=None",
}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("RLCORE_BACKEND", "numpy")


@pytest.fixture(scope="module")
def truth():
    return rlcore.deconvolve(SCENE.image, SCENE.psf, iterations=4, acceleration="none", backend="numpy")


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_redlionfishs(name):
    parts, keyword = [], False
    for parameter in inspect.signature(getattr(rl, name)).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            parts.append("*")
            keyword = True
        default = parameter.default
        parts.append(parameter.name + ("" if default is parameter.empty else f"={default!r}"))
    assert " ".join(parts) == SIGNATURES[name]


@pytest.mark.parametrize("name", [name for name in SIGNATURES if "Files" not in name])
def test_every_function_gives_plain_iterations_and_ticks_once_each(name, truth):
    ticks = []
    result = getattr(rl, name)(SCENE.image, SCENE.psf, niter=4, callbkTickFunc=lambda: ticks.append(1))
    assert result.dtype == np.float32
    assert error(result, truth) <= 1e-5
    assert len(ticks) == 4


def test_ticks_are_as_many_as_iterations_in_blocks_too():
    ticks, ticking = [], rl._Ticks(lambda: ticks.append(1), 4)
    plan = rlcore.make_plan(SCENE.image.shape, SCENE.psf.shape, iterations=4, backend="numpy", memory="16.3 MiB")
    assert not plan.is_whole
    rlcore.deconvolve(SCENE.image, SCENE.psf, iterations=4, backend="numpy", plan=plan, callback=ticking)
    assert len(ticks) == 4


def test_uint8_spans_the_whole_range(truth):
    result = rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, niter=4, resAsUint8=True)
    assert (result.dtype, result.min(), result.max()) == (np.uint8, 0, 255)
    scaled = (truth - truth.min()) / np.ptp(truth) * 255
    np.testing.assert_allclose(result, scaled, atol=0.51)
    flat = rl.doRLDeconvolutionFromNpArrays(np.ones((4, 5, 6)), np.ones((1, 1, 1)), niter=1, resAsUint8=True)
    assert not flat.any()


def test_files_in_a_file_out_with_its_scale(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 0.3, "unit": "um"}
    image = SCENE.image.astype(np.uint16)
    tifffile.imwrite(tmp_path / "image.tif", image, imagej=True, resolution=(10, 10), metadata=metadata)
    tifffile.imwrite(tmp_path / "psf.tif", SCENE.psf.astype(np.float32))
    result = rl.doRLDeconvolutionFromFiles(tmp_path / "image.tif", str(tmp_path / "psf.tif"), 4, tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), result)
        assert tif.imagej_metadata["spacing"] == 0.3
    assert {path.name for path in tmp_path.iterdir()} == {"image.tif", "psf.tif", "out.tif"}


def test_what_redlionfish_answers_with_none_is_an_error():
    with pytest.raises(rlcore.InputError, match="data has 2 axes"):
        rl.doRLDeconvolutionFromNpArrays(SCENE.image[0], SCENE.psf)
    with pytest.raises(rlcore.InputError, match="psf has 2 axes"):
        rl.block_RLDeconv3DReiknaOCL(SCENE.image, SCENE.psf[0])
    with pytest.raises(rlcore.InputError, match="method 'tpu' is not known; choose 'gpu' or 'cpu'"):
        rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, method="tpu")
    with pytest.raises(rlcore.InputError, match="does not exist"):
        rl.doRLDeconvolutionFromFiles("no.tif", "none.tif", 1)


def test_without_a_gpu_the_cpu_is_taken_and_said(caplog):
    rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, niter=1)
    assert "no GPU can be used; backend 'numpy' on CPU" in caplog.text


def test_rlcore_does_not_import_it():
    script = "import sys, rlcore; print([name for name in sys.modules if name.startswith('rlcore.compat')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"
