"""The camera that is estimated from an image is the one that it was recorded with, and none where there was none."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcore.algorithm.camera import Camera, estimate_camera, find_saturation
from rlcore.optics.psf import prepare_psf
from rlcore.testing.optics import confocal_psf, wide_field_psf
from rlcore.testing.phantoms import phantom

SHAPE = (20, 64, 64)
PSFS = {
    name: prepare_psf(psf, background="auto").values
    for name, psf in (("wide", wide_field_psf((11, 15, 15))), ("confocal", confocal_psf((7, 9, 9))))
}
MADE = {
    (kind, psf, photons): phantom(kind, SHAPE, psf=PSFS[psf], photons=photons, background=4.0, seed=9)
    for kind, psf, photons in itertools.product(("mixed", "shells"), PSFS, (60, 1000))
}
MIXED = MADE["mixed", "wide", 60]
LIGHT = MADE["mixed", "confocal", 60]


def record(made, camera, seed=0):
    """Whole numbers, as a camera writes them."""
    rng = np.random.default_rng(seed)
    return np.rint(camera.gain * made.image + camera.offset + rng.normal(0, camera.read_noise, made.image.shape))


def smooth(image, axes=(0, 1, 2)):
    for axis in axes:
        image = (np.roll(image, 1, axis) + 2 * image + np.roll(image, -1, axis)) / 4
    return image


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(MADE)),
    st.floats(20, 1000),
    st.floats(0.4, 3),
    st.floats(0, 2),
    st.integers(0, 1000),
)
def test_a_camera_is_found(which, offset, gain, noise, seed):
    true = Camera(round(offset), gain, gain * noise)
    found = estimate_camera(record(MADE[which], true, seed), np.asarray)
    assert found.kind == "counts"
    assert found.gain == pytest.approx(gain, rel=max(0.15, 5 * found.gain_error / gain))
    if found.offset:
        assert found.zero == pytest.approx(true.zero, abs=max(gain, 5 * found.offset_error))
        assert found.pedestal <= 2.25 * found.gain + 1e-9
    else:  # an offset of few photons beside the light
        assert true.zero < 5 * gain * 10


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(MADE)), st.floats(1e-4, 50), st.integers(0, 1000))
def test_counts_without_an_offset_have_none(which, gain, seed):
    expected = MADE[which].expected
    found = estimate_camera(gain * np.random.default_rng(seed).poisson(expected), np.asarray)
    assert (found.kind, found.offset, found.offset_error) == ("counts", 0.0, None)
    assert found.gain == pytest.approx(gain, rel=0.15)


def test_light_everywhere_is_no_offset_but_background():
    found = estimate_camera(np.random.default_rng(0).poisson(LIGHT.expected + 40), np.asarray)
    assert (found.offset, found.gain) == (0.0, 1.0)
    assert found.background == pytest.approx(44, rel=0.02)


def test_background_and_pedestal_are_those_of_the_dark_whatever_is_called_offset():
    true = Camera(100.0, 0.46, 0.74)
    found = estimate_camera(record(LIGHT, true), np.asarray)
    dark = 100 + 0.46 * LIGHT.background
    assert found.offset + found.background == pytest.approx(dark, abs=0.3)
    given = estimate_camera(record(LIGHT, true), np.asarray, offset=100)
    assert (given.offset, given.offset_error) == (100, None)
    assert given.zero == pytest.approx(found.zero)
    assert given.background == pytest.approx(0.46 * LIGHT.background, abs=0.3)


def test_a_gain_that_is_given_stays_and_tells_the_offset_better():
    true = Camera(300.0, 2.2, 3.0)
    found = estimate_camera(record(LIGHT, true), np.asarray, gain=2.2)
    assert (found.gain, found.gain_error) == (2.2, None)
    assert found.zero == pytest.approx(true.zero, abs=0.6)


def test_read_noise_does_not_flatten_the_line():
    """Voxels grouped by their own brightness would make the gain too small by a third: noise is no light."""
    made = phantom("shells", (32, 80, 80), psf=PSFS["wide"], photons=15, background=2.0, seed=3)
    found = [estimate_camera(record(made, Camera(100.0, 0.46, 1.6), seed), np.asarray).gain for seed in range(5)]
    assert np.mean(found) == pytest.approx(0.46, rel=0.12)


def test_faint_light_and_read_noise_still_show_that_there_is_an_offset():
    made = phantom("beads", SHAPE, psf=PSFS["wide"], photons=8, background=1.0, seed=11)
    found = estimate_camera(record(made, Camera(100.0, 0.46, 1.6), 4), np.asarray)
    assert 70 < found.offset < 101
    assert found.zero + found.pedestal + found.background == pytest.approx(100.5, abs=0.5)


def normalised():
    return (LIGHT.image - LIGHT.image.min()) / np.ptp(LIGHT.image)


def squares_of_ten():
    image = np.zeros(SHAPE)
    image[:, 20:40, 20:40] = 10
    return image


RNG = np.random.default_rng(3)
NONE = {
    "zeros": (np.zeros(SHAPE), "no noise"),
    "ones": (np.ones(SHAPE), "no noise"),
    "edges without noise": (squares_of_ten(), "no noise"),
    "no noise": (LIGHT.expected, "not linear"),
    "no noise, raised": (MIXED.expected + 100, "not linear"),
    "rounded": (np.rint(MIXED.expected + 100), "not linear"),
    "uniform": (RNG.random(SHAPE), "constant noise"),
    "whole uniform": (RNG.integers(100, 200, SHAPE), "constant noise"),
    "normal": (RNG.normal(100, 10, SHAPE), "constant noise"),
    "normal about an object": (LIGHT.expected + 100 + RNG.normal(0, 5, SHAPE), "constant noise"),
    "square roots": (np.sqrt(LIGHT.image), "constant noise"),
    "in proportion": (100 + MIXED.expected * RNG.lognormal(0, 0.1, SHAPE), "not linear"),
    "smoothed": (smooth(LIGHT.image), "smoothed"),
    "smoothed in planes": (smooth(LIGHT.image, (1, 2)), "smoothed"),
    "tiny": (RNG.poisson(10, (3, 3, 3)), "too small"),
    "a plane of few": (RNG.poisson(10, (8, 8)), "too small"),
}


@pytest.mark.parametrize("name", NONE)
def test_images_that_show_no_camera(name):
    image, kind = NONE[name]
    found = estimate_camera(image, np.asarray)
    assert (found.offset, found.gain, found.kind) == (0.0, None, kind)
    assert found.background >= 0
    assert "shows no camera" in str(found)


COUNTS = {
    "normalised": normalised(),
    "8 bit": np.rint(255 * normalised()),
    "offset taken off": np.clip(record(LIGHT, Camera(100.0, 0.46, 0.7)) - 100, 0, None),
    "negative": record(LIGHT, Camera(0.0, 2.0, 4.0)),
    "zero mean": (LIGHT.image - LIGHT.image.mean()) / LIGHT.image.std(),
    "an object in the dark": RNG.poisson(np.maximum(MIXED.expected - 6, 0)),
    "single photons": RNG.poisson(0.01 * LIGHT.expected),
    "single photons, normalised": 0.3 * RNG.poisson(0.002 * LIGHT.expected),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_whose_offset_is_gone(name):
    found = estimate_camera(COUNTS[name], np.asarray)
    assert found.offset == 0
    assert found.gain is not None


def test_smoothed_noise_leaves_the_offset_where_it_was():
    """The variance is less by the same factor at every brightness."""
    found = estimate_camera(smooth(record(MIXED, Camera(400.0, 1.5, 0.0)), (1,)), np.asarray)
    assert (found.kind, found.gain) == ("smoothed", None)
    assert found.offset == pytest.approx(400, abs=3)


def test_what_is_not_the_cameras_does_not_matter():
    true, rng = Camera(100.0, 0.8, 0.8), np.random.default_rng(1)
    image = record(MADE["shells", "wide", 60], true)
    clean = estimate_camera(image, np.asarray)
    hot = image + np.where(rng.random(SHAPE[1:]) < 0.004, 80, 0)
    full = np.minimum(image, np.quantile(image, 0.99))
    padded, holes = image.copy(), image.copy()
    padded[:, :6] = 0
    holes[2, 10:20] = np.nan
    for other in (hot, full, padded, holes):
        found = estimate_camera(other, np.asarray)
        assert found.gain == pytest.approx(clean.gain, rel=0.1)
        assert found.zero == pytest.approx(clean.zero, abs=1)
        assert found.offset + found.background == pytest.approx(clean.offset + clean.background, abs=1)


@pytest.mark.parametrize("shape", [(96, 96), (1, 96, 96), (2, 96, 96), (3, 700, 40), (5, 8, 2000)])
def test_every_shape(shape):
    expected = np.broadcast_to(np.linspace(5, 105, shape[-1]), shape)
    found = estimate_camera(200 + 2 * np.random.default_rng(0).poisson(expected), np.asarray)
    assert found.gain == pytest.approx(2, rel=0.25)
    assert found.zero == pytest.approx(200, abs=10)


def test_values_of_any_size_and_type():
    image = record(MIXED, Camera(100.0, 2.0, 1.0))
    clean = estimate_camera(image, np.asarray)
    for scale in (1e-12, 1e12):
        found = estimate_camera(scale * image, np.asarray)
        assert found.gain == pytest.approx(scale * clean.gain, rel=5e-3)
        assert found.zero == pytest.approx(scale * clean.zero, rel=5e-3)
    assert estimate_camera(image.astype(np.uint16), np.asarray) == clean


def test_a_line_for_people():
    found = estimate_camera(record(MIXED, Camera(100.0, 0.46, 0.7)), np.asarray)
    assert str(found).startswith("camera offset ")
    assert str(found).endswith("estimated from the image's noise")
    assert " +- " in str(found)


def test_saturation():
    rng = np.random.default_rng(0)
    counts = rng.poisson(3000, 20000).astype(np.float32)
    assert find_saturation(counts, np.uint16) is None
    assert find_saturation(np.minimum(counts, 3050), np.uint16) == 3050
    assert find_saturation(np.minimum(counts, 3050), np.float32) == 3050
    assert find_saturation(np.append(counts, 65535), np.uint16) == 65535
    assert find_saturation(np.append(counts, 65535), np.float32) is None
    assert find_saturation(np.append(counts, [4095] * 4), np.float32) is None  # far above all others: hot pixels
    assert find_saturation(np.minimum(1.3 * counts, 4095), np.uint16) == 4095
    assert find_saturation(rng.integers(0, 2, 1000), np.uint16) is None
    assert find_saturation(np.zeros(10), np.float32) is None
