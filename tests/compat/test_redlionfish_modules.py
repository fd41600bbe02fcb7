"""RedLionfish's modules: the imports of scripts, the class for one shape, and the small functions."""

import importlib
import logging

import numpy as np
import pytest
from fixtures.scenes import cell

import rlcore
import rlcore.compat.redlionfish as rl

SCENE = cell((10, 24, 26), (5, 6, 6))
SMALL = "change3DSizeTo change3DSizeTo_KeepOrigin circulify3D convertToFloat32AndNormalise convertToUint8AndFullRange "
SMALL += "generateGaussPSF"
MODULES = {
    "RLDeconvolve": "doRLDeconvolutionFromNpArrays doRLDeconvolutionFromFiles",
    "RLDeconv3DScipy": f"doRLDeconvolution doRLDeconvolution12 doRLDeconvolution_DL2_4 {SMALL}",
    "RLDeconv3DReiknaOCL": "RLDeconv3DReiknaOCL nonBlock_RLDeconvolutionReiknaOCL block_RLDeconv3DReiknaOCL "
    f"printGPUInfo get_best_blockshape_and_blockstep isReiknaAvailable RL_CL_PLATFORM_PREFERENCE {SMALL}",
    "helperfunctions": SMALL,
}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("RLCORE_BACKEND", "numpy")


@pytest.mark.parametrize("name", MODULES)
def test_modules_have_redlionfishs_names(name):
    module = importlib.import_module(f"rlcore.compat.redlionfish.{name}")
    assert getattr(rl, name) is module
    assert all(hasattr(module, each) for each in MODULES[name].split())
    assert all(hasattr(module, each) for each in getattr(module, "__all__", ()))


def test_the_class_restores_volumes_of_its_shape():
    ticks = []
    deconvolution = rl.RLDeconv3DReiknaOCL.RLDeconv3DReiknaOCL(SCENE.image.shape)
    with pytest.raises(rlcore.InputError, match="no PSF was set"):
        deconvolution.doRLDeconvolution(SCENE.image)
    deconvolution.setPSF(SCENE.psf)
    assert (deconvolution.shape, deconvolution.is_psf_set) == (SCENE.image.shape, True)
    result = deconvolution.doRLDeconvolution(SCENE.image, niter=2, callbkTickFunc=lambda: ticks.append(1))
    np.testing.assert_array_equal(result, rl.doRLDeconvolutionFromNpArrays(SCENE.image, SCENE.psf, niter=2))
    assert len(ticks) == 2
    with pytest.raises(rlcore.InputError, match=r"made for \(10, 24, 26\)"):
        deconvolution.doRLDeconvolution(SCENE.image[1:])
    with pytest.raises(rlcore.InputError, match="psfdata has 2 axes"):
        deconvolution.setPSF(SCENE.psf[0])
    with pytest.raises(rlcore.InputError, match="not three lengths"):
        rl.RLDeconv3DReiknaOCL.RLDeconv3DReiknaOCL((4, 5))


def test_the_gpus_are_printed_and_asked_for(capsys, caplog):
    caplog.set_level(logging.CRITICAL)
    rl.printGPUInfo()
    printed = capsys.readouterr().out
    assert "numpy (usable): CPU\n" in printed
    assert printed.endswith("method 'gpu' takes numpy on CPU\n")
    assert rl.RLDeconv3DReiknaOCL.isReiknaAvailable is False
    with pytest.raises(AttributeError, match="has no attribute 'cluda'"):
        _ = rl.RLDeconv3DReiknaOCL.cluda


def test_the_middle_of_a_volume_stays_the_middle():
    point = np.zeros((4, 5, 1), np.uint8)
    point[2, 2, 0] = 7
    wider = rl.helperfunctions.change3DSizeTo(point, (8, 9, 3))
    assert (wider.dtype, wider.sum(), wider[4, 4, 1]) == (np.uint8, 7, 7)
    np.testing.assert_array_equal(rl.helperfunctions.change3DSizeTo(wider, point.shape), point)
    assert rl.helperfunctions.change3DSizeTo_KeepOrigin(point, (3, 9, 2))[2, 2, 0] == 7
    assert rl.helperfunctions.circulify3D(point)[0, 0, 0] == 7
    with pytest.raises(rlcore.InputError, match="not three lengths"):
        rl.helperfunctions.change3DSizeTo(point, (4, 5))


def test_numbers_are_scaled():
    values = np.array([2, 4, 6], np.uint16)
    scale, in_bytes = rl.helperfunctions.convertToFloat32AndNormalise, rl.helperfunctions.convertToUint8AndFullRange
    assert scale(values).tolist() == [2, 4, 6]
    assert scale(values, "sum").tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 2])
    assert scale(values, "max", bResetZero=True).tolist() == [0, 0.5, 1]
    assert scale(values * 0, "max").tolist() == [0, 0, 0]
    assert in_bytes(values).tolist() == [0, 127, 255]
    assert (in_bytes(None), scale(None), values.tolist()) == (None, None, [2, 4, 6])
    with pytest.raises(rlcore.InputError, match="normaliseType 'mean' is not known"):
        scale(values, "mean")


def test_a_gaussian_has_the_shape_that_was_asked_for():
    gaussian = rl.helperfunctions.generateGaussPSF((4, 5, 6), sigma=2)
    assert (gaussian.shape, gaussian.dtype) == ((4, 5, 6), np.float32)
    assert gaussian[2, 2, 3] == gaussian.max() == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)))
    assert gaussian[2, 2, 3] / gaussian[0, 2, 3] == pytest.approx(np.exp(0.5))


@pytest.mark.parametrize(
    ("image", "psf", "size", "blocks"),
    [
        ((512, 512, 512), (32, 32, 32), 256, ([256, 256, 256], [217, 217, 217])),
        ((256, 256, 256), (32, 32, 32), 256, ([256, 256, 256], [256, 256, 256])),
        ((834, 300, 2048), (93, 205, 205), 512, ([512, 300, 512], [400, 300, 266])),
        ((834, 300, 2048), (93, 205, 205), 256, (None, None)),
    ],
)
def test_blocks_are_those_that_redlionfish_would_use(image, psf, size, blocks):
    assert rl.RLDeconv3DReiknaOCL.get_best_blockshape_and_blockstep(image, psf, size, 1.2) == blocks
