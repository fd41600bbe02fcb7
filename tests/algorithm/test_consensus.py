"""Gradient consensus: the split of the counts, what two halves agree on, and where the run ends."""

import array_api_strict
import numpy as np
import pytest
from fixtures.bare import bare
from fixtures.scenes import counts, gaussian

import rlcore
from rlcore.algorithm.consensus import key_of
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.formulas.consensus import agree, halve
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera
from rlcore.testing.metrics import nrmse
from rlcore.testing.phantoms import phantom
from rlcore.testing.reference import Microscope

DOUBLE = NumPyBackend(dtype="float64")


def halves(image, seed=0, iteration=1, start=None, shape=None):
    start = (0,) * image.ndim if start is None else start
    key = key_of(seed, iteration)
    return tuple(halve(image, key, start, shape or image.shape, second=other) for other in (False, True))


@pytest.mark.parametrize("level", [1, 3, 20, 63, 64, 65, 300, 10000])
def test_halves_add_up_and_have_the_mean_and_variance_of_coins(level):
    image = np.full((40, 50, 60), level, np.float32)
    first, second = halves(image)
    np.testing.assert_allclose(first + second, 2 * image, rtol=1e-6)
    excess = (first - image).astype(float)
    assert abs(excess.mean()) < 5 * np.sqrt(level / excess.size)
    assert excess.var() == pytest.approx(level, rel=0.03)
    if level <= 64:
        assert set(np.unique(first)) <= set(2.0 * np.arange(level + 1))


def test_fractions_of_a_count_go_to_one_half_or_the_other():
    image = np.full((40, 50), 2.5, np.float32)
    first, _ = halves(image)
    assert set(np.unique(first)) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    assert (first - image).var() == pytest.approx(2.25, rel=0.1)


def test_splits_differ_by_iteration_seed_and_place_and_by_nothing_else():
    image = counts((12, 14, 16))
    first, _ = halves(image)
    np.testing.assert_array_equal(halves(image)[0], first)
    assert (halves(image, iteration=2)[0] != first).mean() > 0.5
    assert (halves(image, seed=1)[0] != first).mean() > 0.5
    part = (slice(3, 9), slice(5, 14), slice(2, 11))
    cut, _ = halves(image[part], start=(3, 5, 2), shape=image.shape)
    np.testing.assert_array_equal(cut, first[part])
    wrapped, _ = halves(np.roll(image, 2, axis=0), start=(-2, 0, 0), shape=image.shape)
    np.testing.assert_array_equal(np.roll(wrapped, -2, axis=0), first)


def test_neighbours_are_independent():
    first, _ = halves(np.full((64, 64, 64), 1, np.float32))
    excess = first - 1
    for axis in range(3):
        assert abs((excess * np.roll(excess, 1, axis)).mean()) < 0.01


def test_what_halves_agree_on():
    first = np.array([1.0, 1.0, 1.0, 0.0, -1.0, -1.0, 1e-3])
    second = np.array([1.0, 0.5, -0.5, 1.0, -3.0, 2.0, 1e-3])
    np.testing.assert_allclose(agree(np, first, second), [1.0, 0.75, 0.0, 0.0, -2.0, 0.0, 1e-3])
    fading = agree(np, np.float64(1), np.array([0.0, 0.01, 0.02, 0.05, 0.06]))
    assert fading[0] == 0
    assert (np.diff(fading) > 0).all()
    np.testing.assert_allclose(fading[-1], 0.53)


@pytest.mark.filterwarnings("ignore::rlcore.algorithm.host_fallback.HostFallbackWarning")
@pytest.mark.parametrize(
    "backend", ["numpy", "pyfftw", bare(NumPyBackend()), ArrayAPIBackend(array_api_strict, name="strict")]
)
def test_every_backend_takes_the_same_coins(backend):
    made = phantom("mixed", (12, 24, 26), psf=gaussian((5, 5, 5), 0.7), photons=100, seed=2)
    options = {"iterations": 5, "regularization": "consensus", "background": 5.0}
    double = no_camera.deconvolve(made.image, made.psf, backend=DOUBLE, **options)
    ours = no_camera.deconvolve(made.image, made.psf, backend=backend, **options)
    assert np.abs(ours - double).max() <= 2e-5 * double.max()


def test_what_is_fitted_is_the_image_once():
    """Not twice, as the sum of both halves' updates would."""
    made = phantom("shells", (16, 40, 40), psf=gaussian((7, 7, 7), 1.2), photons=1000, seed=2)
    ours = no_camera.deconvolve(
        made.image, made.psf, iterations=40, regularization="consensus", acceleration="none", backend="pyfftw",
        background=5.0,
    )  # fmt: skip
    inner = tuple(n - p + 1 for n, p in zip(made.image.shape, made.psf.shape, strict=True))
    microscope = Microscope(inner, made.psf)
    model = microscope.blur(ours.astype(float)) + 5.0
    assert model.sum() == pytest.approx(microscope.seen(made.image).sum(dtype=np.float64), rel=1e-2)


def test_it_fits_less_noise():
    made = phantom("shells", (16, 48, 48), psf=gaussian((7, 7, 7), 1.2), photons=60, seed=1)
    options = {"iterations": 60, "background": 5.0, "backend": "pyfftw"}
    without = nrmse(no_camera.deconvolve(made.image, made.psf, **options), made.truth)
    ours = nrmse(no_camera.deconvolve(made.image, made.psf, regularization="consensus", **options), made.truth)
    assert ours < 0.8 * without


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_single_precision_is_enough(backend):
    made = phantom("filaments", (14, 26, 30), psf=gaussian((7, 9, 9), 1.1), photons=200, seed=3)
    options = {"iterations": 100, "regularization": "consensus", "background": 5.0}
    double = no_camera.deconvolve(made.image, made.psf, backend=DOUBLE, **options)
    ours = no_camera.deconvolve(made.image, made.psf, backend=backend, **options)
    assert np.abs(ours - double).max() <= 5e-4 * double.max()
    assert np.sqrt(np.mean((ours - double) ** 2)) <= 2e-4 * np.sqrt(np.mean(double**2))


def test_the_seed_matters_and_repeats():
    image, psf = counts((12, 20, 22)), gaussian((5, 5, 5))
    options = {"iterations": 5, "regularization": "consensus", "backend": "numpy"}
    one = no_camera.deconvolve(image, psf, seed=7, **options)
    np.testing.assert_array_equal(no_camera.deconvolve(image, psf, seed=7, **options), one)
    assert (no_camera.deconvolve(image, psf, seed=8, **options) != one).any()


def test_an_image_that_is_not_in_photons_is_refused():
    image = counts((12, 20)) / 100
    with pytest.raises(rlcore.InputError, match="not in photons, which regularization 'consensus' splits"):
        no_camera.deconvolve(image, gaussian((5, 5)), regularization="consensus", backend="numpy")
