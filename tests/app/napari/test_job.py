"""What the widget asks for, planned and run without a window."""

import threading

import numpy as np
import pytest
import tifffile
from fixtures.scenes import cell, error

import rlcore
from rlcore.app.napari.camera import CameraChoice
from rlcore.app.napari.devices import AUTO, DeviceChoice, device_choices
from rlcore.app.napari.job import Job, describe
from rlcore.app.napari.run import Failure, Result, run

SCENE = cell((10, 24, 26), (5, 6, 6))
NUMPY = DeviceChoice("numpy")


NO_CAMERA = CameraChoice(offset="0", background="0", hot_pixels="keep")
PLAIN = {"offset": 0.0, "background": 0.0, "hot_pixels": "keep", "backend": "numpy"}


def job(**options):
    given = {"image": SCENE.image, "psf": SCENE.psf, "iterations": 5, "runs_on": NUMPY, "camera": NO_CAMERA}
    return Job(**given | options)


def test_a_run_tells_every_iteration_and_ends_with_the_result():
    *steps, result = run(job(camera=CameraChoice(offset="0", background="2", hot_pixels="keep")), threading.Event())
    assert [step.text for step in steps] == [f"iteration {n}/5" for n in range(1, 6)]
    assert [step.fraction for step in steps] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    expected = rlcore.deconvolve(SCENE.image, SCENE.psf, iterations=5, **{**PLAIN, "background": 2.0})
    assert isinstance(result, Result)
    assert result.volume.dtype == np.float32
    assert error(result.volume, expected) <= 1e-5
    assert result.provenance["backend"] == "numpy"


def test_axes_before_those_of_the_psf_are_restored_one_by_one():
    series = np.stack([SCENE.image, SCENE.image[::-1]])
    *steps, result = run(job(image=series), threading.Event())
    assert steps[-1].text == "volume 2/2, iteration 5/5"
    for volume, restored in zip(series, result.volume, strict=True):
        assert error(restored, rlcore.deconvolve(volume, SCENE.psf, iterations=5, **PLAIN)) <= 1e-5
    assert describe(job(image=series)).startswith("2 volumes, one after the other. Each: The whole volume in one block")


def test_the_number_of_iterations_is_found_on_the_first_volume_and_taken_for_all():
    rng = np.random.default_rng(1)
    first, second = (rng.poisson(SCENE.expected * light).astype(np.float32) for light in (0.3, 100))
    counts = CameraChoice(offset="0", gain="1", background="0", hot_pixels="keep")
    *steps, result = run(job(image=np.stack([first, second]), iterations="auto", camera=counts), threading.Event())
    expected, info = rlcore.deconvolve(first, SCENE.psf, iterations="auto", gain=1, return_info=True, **PLAIN)
    _, alone = rlcore.deconvolve(second, SCENE.psf, iterations="auto", gain=1, return_info=True, **PLAIN)
    assert describe(job(iterations="auto")).endswith(
        "maximum number of iterations; the run determines how many it takes."
    )
    assert result.provenance["iterations"] == "auto"
    assert result.provenance["found"] == info.iterations != alone.iterations
    assert result.text.startswith(f"{info.iterations} iterations (held-out photons were explained best")
    assert ") of each volume on numpy" in result.text
    assert steps[0].text == "volume 1/2, searching the number of iterations: 1 of at most 200"
    assert steps[-1].text == f"volume 2/2, iteration {info.iterations}/{info.iterations}"
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)
    assert error(result.volume[0], expected) <= 1e-5
    expected = rlcore.deconvolve(second, SCENE.psf, iterations=info.iterations, **PLAIN)
    assert error(result.volume[1], expected) <= 1e-5


def test_regularization_is_that_of_deconvolve():
    *_, result = run(job(regularization="tv", iterations=4), threading.Event())
    expected = rlcore.deconvolve(
        SCENE.image, SCENE.psf, iterations=4, regularization="tv", **{**PLAIN, "offset": rlcore.Camera()}
    )
    assert error(result.volume, expected) <= 1e-5
    assert result.provenance["regularization"] == "tv"


class SetLater(threading.Event):
    """An event that is found set when it is looked at for the third time."""

    def __init__(self):
        super().__init__()
        self.looks = 0

    def is_set(self):
        self.looks += 1
        return self.looks >= 3


def test_cancelled_within_one_iteration():
    *steps, last = run(job(iterations=100), SetLater())
    assert isinstance(last, Failure)
    assert last.cancelled
    assert [step.text for step in steps] == ["iteration 1/100", "iteration 2/100", "iteration 3/100"]


def test_a_generator_that_is_closed_leaves_no_run_behind():
    before = threading.active_count()
    steps = run(job(iterations=100_000), threading.Event())
    next(steps)
    steps.close()
    assert threading.active_count() == before


def test_the_images_own_type_is_rounded_to_and_clipped():
    image = np.full((6, 7, 8), 10, np.uint8)
    image[2:5, 2:5, 2:5] = 200  # of one voxel: restored it is far above 255
    *_, result = run(job(image=image, psf=np.ones((3, 3, 3)), iterations=100, keep_type=True), threading.Event())
    assert result.volume.dtype == np.uint8
    assert result.volume.max() == 255


@pytest.mark.parametrize(("image", "psf"), [(SCENE.image, SCENE.psf), (SCENE.image[4], SCENE.psf[2])])
def test_leading_axes_of_one_entry_of_a_psf_are_left_out(image, psf):
    *_, result = run(job(image=image, psf=psf[None], voxel=(0.1,) * 3, psf_voxel=(0.1,) * 3), threading.Event())
    assert error(result.volume, rlcore.deconvolve(image, psf, iterations=5, **PLAIN)) <= 1e-5


def test_planes_restored_one_by_one_are_said_to_be_planes():
    assert describe(job(psf=SCENE.psf[2])).startswith("10 planes, as the PSF is a plane, one after the other. Each: ")


def test_the_axes_of_a_psf_file_may_be_given(tmp_path):
    file = tmp_path / "psf.tif"
    tifffile.imwrite(file, SCENE.psf[1:4].astype(np.float32), imagej=True)
    [failure] = run(job(psf=file), threading.Event())
    assert "has 3 channels; save the one you want as a file, or say what its axes are by PSF axes" in failure.sentence
    *_, result = run(job(psf=file, psf_axes="zyx"), threading.Event())
    expected = rlcore.deconvolve(SCENE.image, SCENE.psf[1:4].astype(np.float32), iterations=5, **PLAIN)
    assert error(result.volume, expected) <= 1e-5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"psf": np.zeros((3, 3, 3))}, "psf has no positive sum"),
        ({"image": SCENE.image[0]}, "psf has 3 axes but the image has 2"),
        ({"memory": "lots"}, "memory 'lots' is not a size"),
        ({"runs_on": DeviceChoice("nupmy")}, "backend 'nupmy' is unknown"),
        ({"memory": "1 KiB"}, "the smallest that would do is"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(options, text):
    [said] = run(job(**options), threading.Event())
    assert isinstance(said, Failure)
    assert text in said.sentence
    assert text in describe(job(**options))


def test_a_psf_from_a_file(tmp_path):
    np.save(tmp_path / "psf.npy", SCENE.psf)
    *_, result = run(job(psf=tmp_path / "psf.npy"), threading.Event())
    assert error(result.volume, rlcore.deconvolve(SCENE.image, SCENE.psf, iterations=5, **PLAIN)) <= 1e-5


def test_the_time_is_told_once_it_has_run():
    assert describe(job()).endswith("Time unknown until it has run here.")
    list(run(job(), threading.Event()))
    assert "About " in describe(job())


def test_devices_that_cannot_run_come_last_with_their_reason(monkeypatch):
    found = [
        rlcore.Finding("cupy", "unavailable", "x 1", reason="no CUDA device"),
        rlcore.Finding("numpy", "usable", "rlcore 0", "CPU", (), 1),
    ]
    monkeypatch.setattr("rlcore.app.napari.devices.survey", lambda: tuple(found))
    assert device_choices() == [AUTO, DeviceChoice("numpy", where="CPU"), DeviceChoice("cupy", reason="no CUDA device")]
    assert str(device_choices()[-1]) == "cupy: not available"


def test_doubts_about_the_size_of_voxels_are_shown_with_the_plan_and_the_result():
    doubted = job(doubts=("Layer 'cells' has voxels in doubt.",))
    assert describe(doubted).endswith(" Layer 'cells' has voxels in doubt.")
    *_, result = run(doubted, threading.Event())
    assert result.text.endswith(". Camera offset 0, given. Layer 'cells' has voxels in doubt.")
