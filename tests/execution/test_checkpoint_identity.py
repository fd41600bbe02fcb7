"""A checkpoint knows all that its run depends on: a run that differs in anything is not continued, but refused."""

import inspect
import json

import pytest
from fixtures.plans import IMAGE, PSF

import rlcore
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera


def backend(device="CPU", dtype="float64"):
    """NumPy's, as if on another device."""
    made = NumPyBackend(dtype=dtype)
    made.device = device
    return made


BEGUN = {"iterations": 6, "backend": backend()}
STOPPING = {**BEGUN, "stop": "relative-change", "threshold": 1e-6}
AUTO = {"iterations": "auto", "gain": 1.0, "backend": "numpy"}
OTHERS = {
    "another device": ("device", BEGUN, {"backend": backend("another CPU")}),
    "another precision": ("dtype", BEGUN, {"backend": backend(dtype="float32")}),
    "a stop": ("stop", BEGUN, {"stop": "relative-change"}),
    "no stop": ("stop", STOPPING, {"stop": "none", "threshold": None}),
    "another threshold": ("stop", STOPPING, {"threshold": 1e-5}),
    "another gain": ("gain", AUTO, {"gain": 2.0}),
    "another offset": ("offset", AUTO, {"offset": 3.0}),
    "no gain": ("gain", AUTO, {"gain": None}),
    "another start": ("start", BEGUN, {"start": "image"}),
    "another seed": ("regularization", BEGUN, {"seed": 1}),
}
"""What differs, as the refusal calls it; the run that is stopped, and what is changed in the run that goes on."""


def stop_in_the_middle(folder, options):
    """Leave a checkpoint of some iterations."""
    seen = []

    def callback(progress):
        seen.append(progress)
        return progress.looking or progress.fraction < 0.4

    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(IMAGE, PSF, checkpoint=folder, callback=callback, **options)
    assert not seen[-1].looking


@pytest.mark.parametrize("what", OTHERS)
def test_a_run_that_differs_in_one_thing_is_refused_and_the_state_left_as_it_is(what, tmp_path):
    name, begun, change = OTHERS[what]
    folder = tmp_path / "state"
    stop_in_the_middle(folder, begun)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(rlcore.CheckpointError, match=f"is of another run, with other {name} "):
        no_camera.deconvolve(IMAGE, PSF, checkpoint=folder, **(begun | change))
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("begun", [BEGUN, STOPPING, AUTO], ids=["stated", "stopping", "auto"])
def test_the_same_run_goes_on(begun, tmp_path):
    stop_in_the_middle(tmp_path / "state", begun)
    seen = []
    no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", callback=seen.append, **begun)
    assert seen[0].fraction > 0.4
    assert not (tmp_path / "state").exists()


TOLD_BY = {
    "image": "image", "psf": "psf", "iterations": "iterations", "acceleration": "acceleration",
    "regularization": "regularization", "tv_weight": "regularization", "seed": "regularization", "stop": "stop",
    "threshold": "stop", "offset": "offset", "gain": "gain",
    "weights": "weights", "hot_pixels": "hot_pixels", "start": "start", "backend": "backend", "device": "device",
    "boundary": "geometry", "background": "background", "exchange": "tolerance", "tolerance": "tolerance",
}  # fmt: skip
"""For each argument of `deconvolve` that a result depends on, what of the identity tells of it."""
NO_MATTER = {"memory", "plan", "out", "callback", "cancel", "checkpoint", "return_info"}


def test_every_argument_is_told_by_the_identity_or_changes_no_result(tmp_path):
    """Who adds an argument has to decide which."""
    assert set(inspect.signature(rlcore.deconvolve).parameters) == set(TOLD_BY) | NO_MATTER
    stop_in_the_middle(tmp_path / "state", BEGUN)
    identity = json.loads((tmp_path / "state" / "state.json").read_text())["identity"]
    assert set(identity) >= {*TOLD_BY.values(), "dtype"}
