"""Hot and dead pixels are found, and nothing of the specimen is taken for one."""

import itertools

import numpy as np
import pytest

from rlcore.algorithm.camera import Camera, estimate_camera, find_hot_pixels
from rlcore.optics.psf import prepare_psf
from rlcore.testing.optics import confocal_psf
from rlcore.testing.phantoms import phantom

PSF = prepare_psf(confocal_psf((9, 11, 11)), background="auto").values


def record(kind, photons, planes=16, seed=0):
    made = phantom(kind, (planes, 96, 96), psf=PSF, photons=photons, background=3.0, seed=7)
    rng = np.random.default_rng(seed)
    hot = rng.random((96, 96)) < 0.004
    extra = rng.poisson(np.where(hot, rng.uniform(15, 150, hot.shape), 0), made.image.shape)
    clean = np.rint(0.46 * made.image + 100 + rng.normal(0, 1.0, made.image.shape))
    return clean, np.rint(clean + 0.46 * extra), hot


@pytest.mark.parametrize(("kind", "photons"), list(itertools.product(("mixed", "beads"), (15, 60, 1000))))
def test_hot_pixels_are_found_and_nothing_else(kind, photons):
    clean, image, hot = record(kind, photons)
    found = find_hot_pixels(image, np.asarray)
    assert (found & hot).sum() >= (0.85 if photons < 1000 else 0.75) * hot.sum()  # much light hides the faintest
    assert (found & ~hot).sum() <= 2
    assert find_hot_pixels(clean, np.asarray).mean() <= 1e-3


def test_few_bright_planes_are_no_hot_pixels():
    clean, _, _ = record("mixed", 1000, planes=6)
    assert find_hot_pixels(clean, np.asarray).mean() <= 1e-3


def test_dead_pixels_are_found_where_there_is_an_offset():
    clean, _, _ = record("mixed", 60)
    clean[:, 20, 30] = clean[:, 0, 0] = clean[:, 95, 50] = 0
    found = find_hot_pixels(clean, np.asarray)
    assert found[20, 30]
    assert found[0, 0]
    assert found[95, 50]
    assert found.sum() <= 6


def test_a_single_plane_shows_only_what_no_light_does():
    clean, image, hot = record("mixed", 60)
    found = find_hot_pixels(image[8], np.asarray)
    assert (found & hot).sum() >= 0.5 * hot.sum()
    assert (found & ~hot).sum() <= 1
    assert find_hot_pixels(clean[8], np.asarray).sum() == 0


@pytest.mark.parametrize("shape", [(4, 20, 20), (9, 4, 20), (3, 20), (20, 20), (5, 5, 5)])
def test_small_images_have_none(shape):
    image = np.random.default_rng(0).poisson(30, shape)
    assert find_hot_pixels(image, np.asarray).shape == shape[-2:]
    assert not find_hot_pixels(image, np.asarray).any()


def test_bands_of_rows_do_not_matter(monkeypatch):
    _, image, _ = record("mixed", 60)
    camera = estimate_camera(image, np.asarray)
    whole = find_hot_pixels(image, np.asarray, camera), find_hot_pixels(image[3], np.asarray, camera)
    for at_once in (1, 96 * 7, 96 * 95):
        monkeypatch.setattr("rlcore.algorithm.camera.hot_pixels._AT_ONCE", at_once)
        np.testing.assert_array_equal(find_hot_pixels(image, np.asarray, camera), whole[0])
        np.testing.assert_array_equal(find_hot_pixels(image[3], np.asarray, camera), whole[1])


def test_the_noise_is_that_of_the_camera():
    """Ten units above the rest are far out of a gain of 0.5, and nothing at a gain of 50."""
    rng = np.random.default_rng(2)
    for gain, hot in ((0.5, True), (50.0, False)):
        image = gain * rng.poisson(20, (12, 40, 40)) + 100.0
        image[:, 20, 20] += 20
        assert find_hot_pixels(image, np.asarray, Camera(100.0, gain, 0.0, 20 * gain))[20, 20] == hot


def test_constant_images_have_none():
    for value in (0.0, 7.0):
        assert not find_hot_pixels(np.full((8, 16, 16), value), np.asarray).any()
