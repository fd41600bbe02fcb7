"""Running a plan: memory that runs out, threads beside each other, independent blocks."""

import contextlib
import re
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest
from fixtures.doubles import RefusingBackend
from fixtures.plans import IMAGE, ITERATIONS, OPTIONS, PSF, in_blocks, voxels, whole
from fixtures.scenes import cell, error

import rlcore
from rlcore.testing import no_camera


@pytest.fixture(scope="module")
def truth():
    return whole()


def test_when_an_allocation_fails_the_run_goes_on_by_smaller_plans(truth):
    backend = RefusingBackend(lambda size: size > 25_000)
    with pytest.warns(rlcore.ReplanWarning) as told:
        result = no_camera.deconvolve(IMAGE, PSF, iterations=ITERATIONS, backend=backend)
    assert error(result, truth) <= 1e-5
    for one in told:
        assert re.match(r"no room for \d+ voxels; going on from iteration 0 by a smaller plan: ", str(one.message))
    assert max(backend.sizes["fft"]) <= 25_000


def deep_pocketed(plan, memory=100 << 20):
    """A plan that had counted on much memory, so that the next ones can do with less."""
    return replace(plan, device_bytes=memory, host_bytes=0)


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("half_steps", [1, 2, 4])
@pytest.mark.parametrize("sweep", [0, 1, 2])
def test_it_goes_on_from_the_last_finished_sweep(half_steps, sweep, overlap, truth):
    """Memory runs out in the middle of a sweep; for half-steps in the middle of blurring."""
    plan = deep_pocketed(in_blocks(half_steps=half_steps, overlap=overlap))
    blocks, iterations = len(plan.tiling()), max(1, half_steps // 2)
    each = len(plan.tiling_to_blur()) + blocks if half_steps == 1 else 2 * iterations * blocks
    done = sweep if sweep * iterations < ITERATIONS else 0
    too_many = voxels(plan)
    backend = RefusingBackend(
        lambda size: size >= too_many, after=2 + done * each + 5
    )  # 2 for the transfer and its mirror
    with pytest.warns(rlcore.ReplanWarning, match=f"going on from iteration {done * iterations} by") as told:
        result = no_camera.deconvolve(IMAGE, PSF, iterations=ITERATIONS, backend=backend, plan=plan)
    assert error(result, truth) <= 1e-5
    assert all(f"from iteration {done * iterations} by" in str(one.message) for one in told)


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("after", range(60, 150, 6))
def test_an_estimate_that_is_half_overwritten_is_never_gone_on_from(after, overlap, truth):
    """By halves the newest estimate is written in place: what was begun cannot be done again, and is not."""
    plan = deep_pocketed(in_blocks(overlap=overlap))
    backend = RefusingBackend(voxels(plan).__eq__, "read", after)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", rlcore.ReplanWarning)
        with contextlib.suppress(rlcore.OutOfMemory):
            result = no_camera.deconvolve(IMAGE, PSF, iterations=ITERATIONS, backend=backend, plan=plan)
            assert error(result, truth) <= 1e-5
            assert told
            return
    assert not told


def test_a_plan_that_cannot_shrink_enough_says_so():
    with pytest.warns(rlcore.ReplanWarning), pytest.raises(rlcore.OutOfMemory) as error:
        no_camera.deconvolve(IMAGE, PSF, iterations=2, backend=RefusingBackend(lambda size: size > 10))
    assert str(error.value).startswith("no room for ")
    assert "after an allocation failed) is too little for this volume" in str(error.value)


@pytest.mark.parametrize("placement", ["host", "scratch", "device"])
@pytest.mark.parametrize("half_steps", [1, 2, 8])
def test_reading_and_writing_beside_the_computation_changes_nothing(half_steps, placement):
    results = [
        no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(half_steps, placement=placement, overlap=overlap), **OPTIONS)
        for overlap in (False, True)
    ]
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("overlap", [False, True])
def test_errors_while_reading_come_through_and_end_the_threads(overlap):
    class Failing:
        shape, dtype, ndim = IMAGE.shape, IMAGE.dtype, 3
        reads = 0

        def __getitem__(self, index):
            self.reads += 1
            if self.reads > 6:
                raise OSError(5, "the disk went away")
            return IMAGE[index]

    before = threading.active_count()
    with pytest.raises(OSError, match="the disk went away"):
        no_camera.deconvolve(Failing(), PSF, plan=in_blocks(overlap=overlap), **OPTIONS)
    assert threading.active_count() == before


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
def test_independent_blocks_keep_within_the_tolerance_that_the_plan_states(tolerance):
    scene = cell((24, 90, 90), (7, 9, 9))
    options = {"iterations": 20, "backend": "numpy"}
    truth = no_camera.deconvolve(scene.image, scene.psf, **options)
    asked = {"exchange": False, "tolerance": tolerance}
    plan = no_camera.make_plan(scene.image.shape, scene.psf.shape, memory="21 MiB", **asked, **options)
    assert not plan.is_whole
    assert f"independent, with a halo of {' x '.join(map(str, plan.halo))} on each side" in str(plan)
    assert f"which has kept errors below {tolerance:g} of the maximum where it was measured" in str(plan)
    result = no_camera.deconvolve(scene.image, scene.psf, plan=plan, **asked, **options)
    assert 0 < error(result, truth) <= tolerance
