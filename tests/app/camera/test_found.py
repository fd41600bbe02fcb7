"""What is found of cameras: kept as JSON, as lines, and beside what files state."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fixtures.cameras import recorded

from rlcore.algorithm.camera import Camera, estimate_camera
from rlcore.app.camera.found import CameraFound
from rlcore.app.camera.photons import InPhotons
from rlcore.app.camera.stated import Stated, agrees
from rlcore.app.camera.weights import PlanesThatAreThere
from rlcore.execution.volumes.data_weights import DataWeights

CAMERA = Camera(100.5, 0.46, 1.2, 3.0, "counts", 0.7, 0.01)
HOT = np.random.default_rng(0).random((7, 9)) < 0.3
FOUND = CameraFound(CAMERA, 12, "auto", 3.5, HOT, 4095.0, "as photons said", (0.5, 0.25), 1, True, "stated")


@pytest.mark.parametrize("found", [FOUND, CameraFound(Camera()), replace(FOUND, iterations="auto", background=2.5)])
def test_what_was_found_is_the_same_after_it_was_written(found):
    again = CameraFound.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.to_dict() == found.to_dict()
    assert again.camera == found.camera
    assert (again.hot is None) == (found.hot is None)
    assert found.hot is None or np.array_equal(again.hot, found.hot)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": 0}, {"iterations": "many"}, {"iterations": True}, {"background": -1}, {"background": None},
        {"hot": [[7, 9], "AAAA"]}, {"hot": [[7, 9, 3], ""]}, {"hot": [[1 << 30, 1 << 30], ""]}, {"camera": {"gain": 1}},
        {"camera": {"kind": "other"}}, {"camera": {"much": 1}},
    ],
)  # fmt: skip
def test_what_no_run_has_written_is_no_camera(wrong):
    said = {**FOUND.to_dict(), **wrong}
    if wrong == {"camera": {"gain": 1}}:
        del said["hot"]
    with pytest.raises((KeyError, TypeError, ValueError)):
        CameraFound.from_dict(said)


def test_a_line_says_what_was_found_and_what_is_done():
    assert FOUND.line(63) == (
        "camera offset 100.5 +- 0.7, gain 0.460 +- 0.010 image units per photon (read noise 1.2), estimated from the "
        f"image's noise; stated; {CAMERA.zero:.4g} is taken off; background 3.5 above it, found for each volume; "
        f"{HOT.sum()} of 63 pixels are hot or dead and count as no data; voxels of 4095 or more are saturated and "
        "count as no data; 12 iterations (as photons said)"
    )


def test_a_stated_offset_is_believed_within_the_error_of_the_images_own():
    assert agrees(CAMERA, 101.5)
    assert not agrees(CAMERA, 102.5)
    assert not agrees(replace(CAMERA, kind="smoothed"), 100.5)
    assert not agrees(Camera(), 0.0)
    assert "does not contradict" in Stated(101.5).sentence(CAMERA)
    assert "contradicts; the image is believed" in Stated(0.0).sentence(CAMERA)
    assert "is not used" in Stated(100.0).sentence(Camera(kind="smoothed"))
    assert Stated(0.0).sentence(Camera()) == Stated().sentence(CAMERA) == ""


def test_weights_are_0_in_planes_that_are_missing():
    weights = DataWeights((5, 4, 3), bad=np.eye(4, 3, dtype=bool), missing=(1, 4))
    expected = np.ones((5, 4, 3), np.uint8) * ~np.eye(4, 3, dtype=bool)
    expected[[1, 4]] = 0
    for box in ((slice(None),) * 3, (slice(1, 3), slice(0, 2), slice(1, 3)), (slice(4, 5), slice(2, 4), slice(None))):
        assert np.array_equal(weights[box], expected[box])
    assert (weights.shape, weights.ndim, weights.dtype) == ((5, 4, 3), 3, np.uint8)


def test_a_camera_is_known_by_the_planes_that_are_there():
    image = recorded()
    lacking = image.copy()
    lacking[3:6] = 0
    there = (0, 1, 2, 6, 7, 8, 9)
    view = PlanesThatAreThere(lacking, there)
    assert np.array_equal(view[2:5, 1:3], image[list(there)][2:5, 1:3])
    assert estimate_camera(view, np.asarray) == estimate_camera(image[list(there)], np.asarray)


def test_photons_are_written_where_the_result_is_kept(tmp_path):
    file = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, (3, 4))
    out = InPhotons(file, 0.5)
    out[1:3, 2:] = np.full((2, 2), 3, np.float32)
    assert (out.shape, out.dtype, out.filename) == ((3, 4), np.float32, file.filename)
    out.flush()
    assert np.array_equal(np.load(tmp_path / "out.npy")[1:3, 2:], np.full((2, 2), 6))
    assert not hasattr(out, "__array_interface__")
