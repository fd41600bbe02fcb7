"""The camera of a job: found once for all of its volumes, handed to every run, and said without warnings."""

import threading
import warnings

import numpy as np
import pytest
from fixtures.scenes import cell, error

import rlcore
from rlcore.algorithm.camera import estimate_camera
from rlcore.app.napari.camera import ANY_CAMERA, CameraChoice
from rlcore.app.napari.devices import DeviceChoice
from rlcore.app.napari.job import Job, describe
from rlcore.app.napari.run import Failure, run

SCENE = cell((14, 48, 50), (5, 6, 6), photons=200)
GAIN, OFFSET = 0.46, 100.0
HOT = (20, 31)
LIGHTS = 3.0, 9.0


def recorded(background):
    """What a camera with a hot pixel records of the scene with so many photons of haze, in whole units."""
    rng = np.random.default_rng(int(background))
    photons = rng.poisson(SCENE.expected - SCENE.background + background).astype(np.float64)
    photons[:, HOT[0], HOT[1]] += rng.poisson(150, len(photons))
    return np.rint(OFFSET + GAIN * photons + rng.normal(0, 0.4, photons.shape)).astype(np.uint16)


SERIES = np.stack([recorded(light) for light in LIGHTS])


def restored(**options):
    given = {"image": SERIES, "psf": SCENE.psf, "iterations": 4, "runs_on": DeviceChoice("numpy")} | options
    *_, result = run(Job(**given), threading.Event())
    return result


@pytest.fixture(scope="module")
def found():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # each would be shown in the window
        return restored()


def test_what_was_found_is_said_and_kept(found):
    made = found.provenance
    assert made["offset"] == pytest.approx(OFFSET, abs=1.5)
    assert made["gain"] == pytest.approx(GAIN, rel=0.2)
    assert made["hot_pixels"] == 1
    assert len(made["background"]) == 2
    assert made["saturated_from"] is None
    assert f". Camera offset {made['camera'].removeprefix('camera offset ')}. " in found.text
    assert "1 of 2400 pixels are hot or dead, and count as no data" in found.text


def test_all_volumes_have_the_camera_of_the_first(found):
    pixels = np.zeros(SERIES.shape[-2:], bool)
    pixels[HOT] = True
    options = {"iterations": 4, "hot_pixels": pixels, "backend": "numpy"}
    camera = estimate_camera(SERIES[0], np.asarray, dtype=SERIES.dtype)
    for volume, result in zip(SERIES, found.volume, strict=True):
        assert error(result, rlcore.deconvolve(volume, SCENE.psf, offset=camera, **options)) <= 1e-5
    assert found.volume[0].mean() < 0.5 * SERIES[0].mean()


def test_numbers_are_taken_as_they_are_typed():
    camera = CameraChoice(offset=" 100 ", gain="0.46", background="1.5", hot_pixels="keep")
    result = restored(image=SERIES[0], camera=camera)
    expected = rlcore.deconvolve(
        SERIES[0], SCENE.psf, iterations=4, offset=100, gain=0.46, background=1.5, hot_pixels="keep", backend="numpy"
    )
    assert error(result.volume, expected) <= 1e-5
    assert (result.provenance["offset"], result.provenance["gain"]) == (100, 0.46)
    assert result.provenance["background"] == [1.5]
    assert "hot or dead" not in result.text


def test_the_background_is_each_volumes_own():
    result = restored(camera=CameraChoice(background="Auto"))
    first, second = result.provenance["background"]
    assert second - first == pytest.approx(GAIN * (LIGHTS[1] - LIGHTS[0]), rel=0.3)
    assert f"Background {first:.4g} to {second:.4g} above the offset" in result.text


def test_saturated_voxels_count_as_no_data():
    full = SERIES[0].copy()
    full[5:8, 10:13, 10:13] = 65535
    result = restored(image=full)
    assert result.provenance["saturated_from"] == 65535
    assert "Voxels of 65535 or more are saturated" in result.text
    assert result.volume.max() < 30_000
    kept = restored(image=full, camera=CameraChoice(hot_pixels="keep"))
    assert kept.volume.max() > 30_000


def test_each_volumes_own_saturated_voxels_are_left_out():
    series = SERIES.copy()
    series[0, 5:8, 10:13, 10:13] = series[1, 5:8, 30:33, 40:43] = 65535
    assert restored(image=series).volume.max() < 30_000


def test_an_image_without_a_camera_says_why():
    result = restored(image=SCENE.expected)
    assert result.provenance["offset"] == 0
    assert "Camera offset 0" in result.text
    assert "the image shows no camera: " in result.text


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        (CameraChoice(offset="a lot"), "offset 'a lot' is neither a number nor 'auto'"),
        (CameraChoice(gain="0"), "gain 0.0 is not a positive number"),
        (CameraChoice(background="-1"), "background -1.0 is not a number of at least 0, nor 'auto'"),
    ],
)
def test_what_is_no_number_is_one_sentence_in_the_plan_and_the_run(camera, said):
    job = Job(image=SERIES, psf=SCENE.psf, camera=camera, runs_on=DeviceChoice("numpy"))
    [failure] = run(job, threading.Event())
    assert isinstance(failure, Failure)
    assert said in failure.sentence
    assert said in describe(job)


def test_nothing_said_is_the_front_doors_default():
    assert ANY_CAMERA.options((4, 8, 8)) == {
        "offset": "auto",
        "gain": "auto",
        "background": "auto",
        "hot_pixels": "find",
    }
