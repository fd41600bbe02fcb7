"""Data weights: voxels that are no data change nothing, in whole volumes and in blocks alike."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from fixtures import every_parity

import rlcore
from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.testing.reference import heavy_ball

SHAPE = (14, 26, 24)


@pytest.fixture
def psf() -> np.ndarray:
    axes = np.ogrid[-2:3, -3:4, -3:4]
    return np.exp(-sum((a / 0.9) ** 2 for a in axes) / 2).astype(np.float32)


@pytest.fixture
def image() -> np.ndarray:
    rng = np.random.default_rng(3)
    light = np.full(SHAPE, 4.0)
    light[5:8, 6:18, 8:11] += 60
    return rng.poisson(light).astype(np.float32)


@pytest.fixture
def weights() -> np.ndarray:
    rng = np.random.default_rng(4)
    weights = (rng.random(SHAPE) > 0.05).astype(np.float32)
    weights[:, 12, 9] = 0
    weights[6, :6] = 0.5
    return weights


def restored(image, psf, **options):
    options = {"iterations": 8, "backend": "numpy", "offset": 0.0, "hot_pixels": "keep", **options}
    return rlcore.deconvolve(image, psf, **options)


def test_the_result_is_that_of_the_weighted_likelihood_in_double_precision(image, psf, weights):
    truth = next(islice(heavy_ball(image, psf, background=2.0, counting=weights), 7, None))
    found = restored(image, psf, weights=weights, background=2.0)
    assert np.abs(found - truth).max() < 1e-5 * truth.max()


def test_weights_of_one_change_nothing(image, psf):
    found = restored(image, psf, weights=np.ones(SHAPE, bool))
    assert np.abs(found - restored(image, psf)).max() < 1e-4 * found.max()


def test_the_values_of_voxels_without_weight_are_never_used(image, psf, weights):
    spoilt = np.where(weights == 0, 3e4, image)
    np.testing.assert_allclose(
        restored(spoilt, psf, weights=weights), restored(image, psf, weights=weights), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("half_steps", "acceleration"),
    [(1, "none"), (1, "heavy-ball"), (1, "biggs"), (2, "heavy-ball"), (2, "biggs"), (4, "none"), (4, "heavy-ball")],
)
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_blocks_equal_the_whole(backend, half_steps, boundary, acceleration):
    engine = every_parity.BACKENDS[backend]
    image, psf = every_parity.problem()
    weights = np.random.default_rng(2).random(image.shape) > 0.1
    options = {"iterations": 8, "boundary": boundary, "acceleration": acceleration}
    plan = replace(every_parity.plan_in_blocks(engine, half_steps, **options), weighted=True)
    options |= {"backend": engine, "weights": weights, "return_info": True}
    whole, info = restored(image, psf, **options)
    blocks, of_blocks = restored(image, psf, plan=plan, **options)
    assert np.abs(blocks - whole).max() < 1e-5 * whole.max()
    np.testing.assert_allclose(of_blocks.divergence, info.divergence, rtol=1e-4)


def test_the_fit_is_that_of_the_voxels_that_count(image, psf, weights):
    info = restored(image, psf, weights=weights, iterations=1, acceleration="none", return_info=True)[1]
    mean = np.average(image, weights=weights)
    logs = np.where(image > 0, image * np.log(np.maximum(image, 1e-9) / mean), 0)
    truth = float((weights * (logs - image + mean)).sum()) / image.size
    assert info.divergence[0] == pytest.approx(truth, rel=1e-4)


def test_a_mask_leaves_its_voxels_out(image, psf, weights):
    masked = np.ma.masked_array(np.where(weights == 0, np.nan, image), mask=weights == 0)
    expected = restored(image, psf, weights=weights > 0)
    np.testing.assert_allclose(restored(masked, psf), expected, rtol=1e-4, atol=1e-3)


def test_values_that_are_no_numbers_are_left_out_on_demand(image, psf, weights):
    holes = np.where(weights == 0, np.nan, image)
    expected = restored(image, psf, weights=weights > 0)
    np.testing.assert_allclose(restored(holes, psf, weights="finite"), expected, rtol=1e-4, atol=1e-3)
    with pytest.raises(rlcore.InputError, match="NaN"):
        restored(holes, psf)


def test_a_map_of_pixels_counts_for_every_plane(image, psf):
    pixels = np.zeros(SHAPE[1:], bool)
    pixels[4:6, 7] = True
    expected = restored(image, psf, weights=np.broadcast_to(~pixels, SHAPE).copy())
    np.testing.assert_array_equal(restored(image, psf, hot_pixels=pixels), expected)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (np.ones((3, 3)), "have shape"),
        (-np.ones(SHAPE), "below 0"),
        (np.zeros(SHAPE), "0 throughout"),
        (np.full(SHAPE, np.nan), "NaN"),
        ("some", "unknown"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(image, psf, weights, sentence):
    with pytest.raises(rlcore.InputError, match=sentence):
        restored(image, psf, weights=weights)
