"""RedLionfish itself, where it is installed, beside our functions of its names."""

import importlib
import inspect
import itertools

import numpy as np
import pytest

import rlcore.compat.redlionfish as ours

theirs = pytest.importorskip("RedLionfishDeconv", reason="RedLionfish is not installed; pip install RedLionfish scipy")
pytest.importorskip("scipy", reason="scipy is not installed, which RedLionfish needs")

MODULES = "RLDeconvolve", "RLDeconv3DScipy", "RLDeconv3DReiknaOCL", "helperfunctions"
SHAPES = [
    ((32, 32, 32), (16, 16, 16)),
    ((32, 32, 32), (15, 15, 15)),
    ((31, 31, 32), (15, 16, 15)),
    ((24, 30, 33), (15, 16, 16)),
    ((24, 24, 24), (40, 40, 40)),
    ((25, 24, 24), (41, 15, 40)),
]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("RLCORE_BACKEND", "numpy")


def both(module):
    return importlib.import_module(f"RedLionfishDeconv.{module}"), getattr(ours, module)


def parameters(function):
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_there_with_their_signatures(module):
    their, our = both(module)
    functions = dict(inspect.getmembers(their, inspect.isfunction))
    public = [name for name in functions if not name.startswith("_")]
    assert public
    assert [name for name in public if parameters(getattr(our, name)) != parameters(functions[name])] == []


def test_the_class_has_their_methods_but_for_the_limit_of_the_device():
    their, our = (module.RLDeconv3DReiknaOCL for module in both("RLDeconv3DReiknaOCL"))
    for name in ("__init__", "setPSF", "doRLDeconvolution"):
        assert parameters(getattr(our, name)) == parameters(getattr(their, name))


@pytest.mark.parametrize("shape", list(itertools.product((2, 5, 8), repeat=3)))
def test_small_functions_agree(shape):
    their, our = both("helperfunctions")
    volume = np.random.default_rng(1).integers(0, 200, shape).astype(np.uint8)
    calls = [("circulify3D",), ("convertToUint8AndFullRange",)]
    calls += [
        (f"change3DSizeTo{end}", new) for end in ("", "_KeepOrigin") for new in itertools.product((3, 6), repeat=3)
    ]
    calls += [("convertToFloat32AndNormalise", kind, reset) for kind in (None, "max", "sum") for reset in (False, True)]
    for name, *arguments in calls:
        expected = getattr(their, name)(volume, *arguments)
        found = getattr(our, name)(volume, *arguments)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_gaussians_agree_in_cubes_of_even_length():
    their, our = (module.generateGaussPSF((16, 16, 16), 3) for module in both("helperfunctions"))
    assert our.dtype == their.dtype
    np.testing.assert_allclose(our, their, rtol=1e-5)


@pytest.mark.parametrize(("shape", "psf_shape"), SHAPES)
def test_results_agree_but_for_their_shift_and_their_added_column(shape, psf_shape):
    """Theirs is moved by a voxel along axes where only one of image and PSF is of even length."""
    image, psf = gaussian(shape, 3) + np.float32(0.01), gaussian(psf_shape, 2)
    expected = theirs.doRLDeconvolutionFromNpArrays(image, psf, niter=10, method="cpu")
    found = ours.doRLDeconvolutionFromNpArrays(image, psf, niter=10, method="cpu")
    even = (*shape[:2], shape[2] + shape[2] % 2)
    assert expected.shape == even
    assert (found.shape, found.dtype) == (shape, expected.dtype)
    shift = [int((n - p) / 2) + p // 2 - n // 2 for n, p in zip(even, psf_shape, strict=True)]
    moved = np.roll(expected, shift, axis=(0, 1, 2))
    inner = tuple(slice(n // 4, n - n // 4) for n in shape)
    difference = np.abs(found - moved[: shape[0], : shape[1], : shape[2]])[inner].max()
    # not less, because their mirror image of the PSF is one voxel off; a result moved by a voxel differs by 25 %
    assert difference <= 0.05 * expected.max()


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "int32", "float64"])
def test_no_iterations_agree(dtype):
    image, psf = (gaussian((8, 9, 10), 3) * 200).astype(dtype), gaussian((3, 3, 3), 2)
    for in_bytes in (False, True):
        expected, found = (
            each.doRLDeconvolutionFromNpArrays(image, psf, niter=0, method="cpu", resAsUint8=in_bytes)
            for each in (theirs, ours)
        )
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def gaussian(shape, sigma):
    return ours.helperfunctions.generateGaussPSF(shape, sigma) * np.float32(sigma * np.sqrt(2 * np.pi))
