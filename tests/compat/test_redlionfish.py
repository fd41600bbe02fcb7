"""RedLionfish's functions over this engine: the same calls, the right results."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from fixtures.scenes import cell, error

import rlcore
import rlcore.compat.redlionfish as rl
from rlcore.compat.redlionfish.helperfunctions import generateGaussPSF
from rlcore.compat.redlionfish.plain_iterations import Ticks
from rlcore.testing import no_camera

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
    return no_camera.deconvolve(
        SCENE.image, SCENE.psf, iterations=4, acceleration="none", start="image", backend="numpy"
    )


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
    ticks, ticking = [], Ticks(lambda: ticks.append(1), 4)
    plan = rlcore.make_plan(SCENE.image.shape, SCENE.psf.shape, iterations=4, backend="numpy", memory="16.3 MiB")
    assert not plan.is_whole
    no_camera.deconvolve(SCENE.image, SCENE.psf, iterations=4, backend="numpy", plan=plan, callback=ticking)
    assert len(ticks) == 4


def test_uint8_spans_the_whole_range(truth):
    result = rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, niter=4, resAsUint8=True)
    assert (result.dtype, result.min(), result.max()) == (np.uint8, 0, 255)
    scaled = (truth - truth.min()) / np.ptp(truth) * 255
    np.testing.assert_allclose(result + 0.5, scaled, atol=0.51)  # fractions are cut off, as there
    flat = rl.doRLDeconvolutionFromNpArrays(np.ones((4, 5, 6)), np.ones((1, 1, 1)), niter=1, resAsUint8=True)
    assert not flat.any()


def test_a_blurred_point_is_as_narrow_as_there_after_three_iterations():
    """RedLionfish's own test has a width below 4: a start from a constant leaves it wider."""
    image, psf = generateGaussPSF((64, 64, 64), 5), generateGaussPSF((32, 32, 32), 5)
    line = rl.doRLDeconvolutionFromNpArrays(image, psf, niter=3)[32, 32].astype(float)
    width = np.sqrt((line * (np.arange(64) - 32) ** 2).sum() / line.sum())
    assert 3.5 < width < 4


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "int32", "float64", "bool"])
def test_no_iterations_return_the_image(dtype):
    image = SCENE.image.astype(dtype)
    result = rl.doRLDeconvolutionFromNpArrays(image, SCENE.psf, niter=0, callbkTickFunc=pytest.fail)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, image.astype(np.float32))
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize(
    ("image", "psf", "reason"),
    [
        (np.full((3, 4, 5), np.nan), np.ones((3, 3, 3)), "NaN or infinite"),
        (np.ones((3, 4, 5), complex), np.ones((3, 3, 3)), "complex128"),
        (np.ones((3, 4, 5)), np.zeros((3, 3, 3)), "psf has no positive sum"),
        (np.ones((0, 4, 5)), np.ones((3, 3, 3)), "empty"),
    ],
)
@pytest.mark.parametrize("niter", [0, 1])
def test_no_iterations_refuse_what_one_refuses(image, psf, reason, niter):
    with pytest.raises(rlcore.InputError, match=reason):
        rl.doRLDeconvolutionFromNpArrays(image, psf, niter=niter)


def test_a_psf_larger_than_the_image_is_used_whole():
    image, psf = generateGaussPSF((12, 12, 12), 3), generateGaussPSF((20, 21, 22), 2)
    result = rl.doRLDeconvolutionFromNpArrays(image, psf, niter=3)
    assert np.unravel_index(result.argmax(), result.shape) == (6, 6, 6)


def test_what_redlionfish_answers_with_none_is_an_error():
    with pytest.raises(rlcore.InputError, match="data has 2 axes"):
        rl.doRLDeconvolutionFromNpArrays(SCENE.image[0], SCENE.psf)
    with pytest.raises(rlcore.InputError, match="psf has 2 axes"):
        rl.block_RLDeconv3DReiknaOCL(SCENE.image, SCENE.psf[0])
    with pytest.raises(rlcore.InputError, match="method 'tpu' is not known; choose 'gpu' or 'cpu'"):
        rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, method="tpu")
    with pytest.raises(rlcore.InputError, match="does not exist"):
        rl.doRLDeconvolutionFromFiles("no.tif", "none.tif", 1)
    with pytest.raises(rlcore.InputError, match=r"data has \d+ masked voxels"):
        rl.doRLDeconvolutionFromNpArrays(np.ma.masked_less(SCENE.image, 1e9), SCENE.psf)
    with pytest.raises(rlcore.InputError, match="data of type 'list' is no array"):
        rl.doRLDeconvolutionFromNpArrays([[1], [1, 2]], SCENE.psf)
    with pytest.raises(rlcore.InputError, match="callbkTickFunc of type 'int' cannot be called"):
        rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, callbkTickFunc=1)
    for niter in (-1, 2.0, "auto", None):
        with pytest.raises(rlcore.InputError, match="is not a whole number of at least 0"):
            rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, niter=niter)


def test_without_a_gpu_the_cpu_is_taken_and_said(caplog):
    rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, niter=1)
    assert "no GPU can be used; backend 'numpy' on CPU" in caplog.text


def test_rlcore_does_not_import_it():
    script = "import sys, rlcore; print([name for name in sys.modules if name.startswith('rlcore.compat')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"
