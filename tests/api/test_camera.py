"""The camera of an image: whatever it has added is taken off, wherever the image lies and however it is cut."""

import warnings
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from fixtures import every_parity

import rlcore
from rlcore.api.camera import CameraWarning
from rlcore.testing.metrics import nrmse
from rlcore.testing.phantoms import phantom

CAMERA = rlcore.Camera(offset=100.0, gain=0.46, read_noise=1.6)
OPTIONS = {"iterations": 6, "backend": "numpy", "hot_pixels": "keep", "background": 0.0}
NATIVE = {"iterations": 6, "hot_pixels": "keep", "background": 0.0}


@pytest.fixture(scope="module")
def psf():
    return every_parity.problem()[1]


@pytest.fixture(scope="module")
def light(psf):
    """Photons of a cell, without a camera."""
    return every_parity.problem()[0]


@pytest.fixture(scope="module")
def counts(light):
    rng = np.random.default_rng(5)
    return np.rint(light * 0.46 + 100 + rng.normal(0, 1.6, light.shape)).astype(np.uint16)


@pytest.fixture(scope="module")
def by_hand(counts, psf):
    """The restoration with what the camera has added taken off before, read noise counting as photons."""
    above = np.maximum(counts - CAMERA.zero, 0).astype(np.float32)
    return rlcore.deconvolve(above, psf, offset=0.0, **{**OPTIONS, "background": 2.0 + CAMERA.pedestal})


def close(found, expected):
    assert np.abs(np.asarray(found, np.float64) - expected).max() < 1e-5 * expected.max()


def test_the_offset_is_taken_off_and_read_noise_counts_as_photons(counts, psf, by_hand):
    close(rlcore.deconvolve(counts, psf, offset=CAMERA, **{**OPTIONS, "background": 2.0}), by_hand)


@pytest.mark.parametrize("backend", ["double", "pyfftw"])
@pytest.mark.parametrize("half_steps", [1, 2])
@pytest.mark.parametrize("placement", ["host", "device", "scratch"])
def test_blocks_take_the_same_off(counts, psf, by_hand, backend, half_steps, placement):
    engine = every_parity.BACKENDS[backend]
    plan = every_parity.plan_in_blocks(engine, half_steps, placement, iterations=6, acceleration="heavy-ball")
    options = {**OPTIONS, "backend": engine, "plan": plan, "background": 2.0}
    close(rlcore.deconvolve(counts, psf, offset=CAMERA, **options), by_hand)


def test_an_array_of_another_library_loses_its_offset_where_it_is(counts, psf, by_hand):
    given = array_api_strict.asarray(counts.astype(np.float32))
    close(rlcore.deconvolve(given, psf, offset=CAMERA, **{**NATIVE, "background": 2.0}), by_hand)


def test_an_image_beyond_single_precision_loses_its_offset_before_it_is_scaled(counts, psf, by_hand):
    factor = 2.0**90
    camera = replace(CAMERA, offset=100 * factor, gain=0.46 * factor, read_noise=1.6 * factor)
    found = rlcore.deconvolve(counts * factor, psf, offset=camera, **{**OPTIONS, "background": 2.0 * factor})
    close(found / factor, by_hand)


def test_a_start_from_the_image_is_without_the_offset(counts, psf):
    above = np.maximum(counts - CAMERA.zero, 0).astype(np.float32)
    options = {**OPTIONS, "start": "image"}
    expected = rlcore.deconvolve(above, psf, offset=0.0, **{**options, "background": CAMERA.pedestal})
    close(rlcore.deconvolve(counts, psf, offset=CAMERA, **options), expected)


@pytest.mark.parametrize("of_plane", [True, False])
def test_maps_of_offset_and_gain_are_taken_out(light, psf, of_plane):
    rng = np.random.default_rng(6)
    shape = light.shape[1:] if of_plane else light.shape
    dark, gain = rng.uniform(90, 130, shape).astype(np.float32), rng.uniform(0.3, 0.6, shape).astype(np.float32)
    recorded = light * gain + dark
    expected = rlcore.deconvolve(light * gain.mean(), psf, offset=0.0, **OPTIONS)
    for image in (recorded, array_api_strict.asarray(recorded)):
        options = OPTIONS if image is recorded else NATIVE
        close(rlcore.deconvolve(image, psf, offset=dark, gain=gain, **options), expected)


@pytest.mark.parametrize("kind", ["shells", "filaments"])
def test_an_offset_that_nobody_tells_of_is_found_and_said(kind):
    psf = every_parity.problem()[1]
    scene = phantom(kind, (16, 96, 96), psf=psf, photons=60, seed=2)
    rng = np.random.default_rng(7)
    light = np.asarray(scene.image)
    counts = np.rint(light * 0.46 + 300 + rng.normal(0, 1.6, light.shape)).astype(np.uint16)
    with pytest.warns(CameraWarning, match="taken off"):
        found, info = rlcore.deconvolve(counts, psf, backend="pyfftw", return_info=True)
    handled = rlcore.deconvolve(counts, psf, offset=replace(CAMERA, offset=300.0), backend="pyfftw")
    truth = np.asarray(scene.truth)
    assert nrmse(found, truth) < 1.1 * nrmse(handled, truth)
    assert abs(info.offset - 300) < 12
    assert info.gain == pytest.approx(0.46, rel=0.15)


def test_an_offset_above_the_whole_image_is_refused(counts, psf):
    with pytest.warns(CameraWarning, match="far above"), pytest.raises(rlcore.InputError, match="no voxel above"):
        rlcore.deconvolve(counts, psf, offset=5e4, **OPTIONS)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(lambda light: light / light.max(), id="normalised"),
        pytest.param(lambda light: np.full_like(light, 7.0), id="constant"),
        pytest.param(lambda light: np.random.default_rng(0).random(light.shape).astype(np.float32), id="random"),
        pytest.param(lambda light: light + 40.0 * 0, id="photons"),
    ],
)
def test_nothing_is_taken_off_an_image_that_shows_no_camera(light, psf, image):
    with warnings.catch_warnings():
        warnings.simplefilter("error", CameraWarning)
        found = rlcore.deconvolve(image(light), psf, iterations=3, backend="numpy", return_info=True)[1]
    assert found.offset == 0.0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"offset": "some"}, "offset 'some'"),
        ({"offset": float("nan")}, "not a finite number"),
        ({"offset": np.ones((3, 3))}, "has shape"),
        ({"gain": 0.0}, "not a positive number"),
        ({"gain": -np.ones((30, 26))}, "not positive"),
        ({"gain": (0.46, 100.0), "offset": 90.0}, "gives an offset too"),
        ({"gain": (1, 2, 3)}, "neither a number nor a pair"),
        ({"background": -1.0}, "background -1.0"),
        ({"background": "much"}, "background 'much'"),
        ({"hot_pixels": "lose"}, "unknown"),
        ({"hot_pixels": np.ones((2, 2))}, "no map"),
    ],
)
def test_what_cannot_be_said_of_a_camera_is_refused(counts, psf, options, sentence):
    with pytest.raises(rlcore.InputError, match=sentence):
        rlcore.deconvolve(counts, psf, **{**OPTIONS, **options})
