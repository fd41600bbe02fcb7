"""When a run ends by itself: the rules, and that the same number comes of every plan, backend and interruption."""

import itertools
from contextlib import nullcontext

import numpy as np
import pytest
from fixtures.every_parity import BACKENDS, plan_in_blocks, problem, restore, sample_every

import rlcore
import rlcore.api.find_iterations
from rlcore.algorithm.photons import Photons, split
from rlcore.algorithm.sampled_planes import SampledPlanes
from rlcore.algorithm.stopping import HELD_OUT, MAXIMUM_ITERATIONS, PATIENCE, TOLERANCE, best_of, lowest, settled
from rlcore.api.camera import CameraWarning
from rlcore.testing import no_camera
from rlcore.testing.metrics import i_divergence, nrmse
from rlcore.testing.optics import confocal_psf
from rlcore.testing.phantoms import phantom
from rlcore.testing.reference import heavy_ball

AUTO = {"iterations": "auto", "gain": 1}
SETTLED = {"iterations": 40, "stop": "relative-change", "threshold": 0.02}


def plans(backend, **options):
    """The whole volume, and blocks that exchange halos after every half-step, iteration and third iteration."""
    yield None
    for half_steps in (1, 2) if "stop" in options else (1, 2, 6):
        yield plan_in_blocks(backend, half_steps, **options)


def test_the_lowest_is_found_once_patience_is_spent():
    falling = [9.0, 5.0, 4.0, 3.5]
    assert lowest(falling) is None
    assert lowest([*falling, *[3.6] * (PATIENCE - 1)]) is None
    assert lowest([*falling, *[3.6] * PATIENCE]) == 3
    assert lowest([*falling, 3.6, 3.4, *[3.6] * PATIENCE]) == 5
    assert lowest([1.0, *[2.0] * (PATIENCE + 1)]) == 1
    assert best_of([5.0, 4.0, 3.0]) == 2
    assert best_of([]) == best_of([1.0]) == 1


def test_of_equally_good_iterations_it_is_the_first():
    """Where the minimum is flat, what iterations still change is finer than the PSF."""
    flat = [1.0, 0.8, 0.6 * (1 + 0.9 * TOLERANCE), 0.6 * (1 + 0.5 * TOLERANCE), 0.6]
    assert lowest([*flat, *[0.61] * (PATIENCE - 1)]) is None
    assert lowest([*flat, *[0.61] * PATIENCE]) == 2
    assert best_of([1.0, 0.8, 0.6 * (1 + 1.1 * TOLERANCE), 0.6]) == 3


def test_settled_is_the_first_small_change():
    rule = settled(0.1)
    assert rule([10.0]) is rule([10.0, 5.0, 4.0]) is None
    assert rule([10.0, 5.0, 4.0, 3.8]) == rule([10.0, 5.0, 4.0, 3.8, 1.0]) == 4
    assert rule([10.0, 10.9]) == 2


@pytest.mark.parametrize("step", [1, 4])
def test_as_many_iterations_whatever_the_plan_and_the_backend(step, monkeypatch):
    sample_every(step, monkeypatch)
    reference, first = restore(BACKENDS["double"], return_info=True, **AUTO)
    assert 2 < first.iterations < 30
    for name, bound in (("double", 1e-12), ("numpy", 2e-5), ("pyfftw", 2e-5)):
        for plan in plans(BACKENDS[name], iterations="auto"):
            result, info = restore(BACKENDS[name], plan, return_info=True, **AUTO)
            assert info.iterations == first.iterations
            assert info.stopped == f"held-out photons were explained best after {info.iterations} iterations"
            assert np.abs(result - reference).max() <= bound * reference.max()


@pytest.mark.parametrize("step", [1, 4])
def test_relative_change_ends_every_plan_with_the_same_iteration(step, monkeypatch):
    sample_every(step, monkeypatch)
    reference, first = restore(BACKENDS["double"], return_info=True, **SETTLED)
    assert 3 < first.iterations < 40
    change = -np.diff(first.divergence) / first.divergence[:-1]
    assert np.abs(change[-1]) <= 0.02
    assert np.all(np.abs(change[:-1]) > 0.02)
    np.testing.assert_array_equal(reference, restore(BACKENDS["double"], iterations=first.iterations))
    for name, bound in (("double", 1e-12), ("numpy", 2e-5), ("pyfftw", 2e-5)):
        for plan in plans(BACKENDS[name], iterations=40, stop="relative-change"):
            result, info = restore(BACKENDS[name], plan, return_info=True, **SETTLED)
            assert info.iterations == first.iterations
            assert np.abs(result - reference).max() <= bound * reference.max()


def test_the_result_is_that_of_as_many_iterations_of_all_photons():
    for acceleration in rlcore.ACCELERATIONS:
        result, info = restore("numpy", return_info=True, acceleration=acceleration, **AUTO)
        np.testing.assert_array_equal(result, restore("numpy", None, info.iterations, acceleration=acceleration))
        assert len(info.divergence) == info.iterations
        least = info.held_out.index(min(info.held_out))
        assert best_of(info.held_out) == info.iterations <= least
        assert len(info.held_out) == least + PATIENCE + 1
        assert min(info.held_out) == pytest.approx(0.5, abs=0.1)  # what photons lie from their own expectation


def test_the_number_does_not_depend_on_how_the_image_is_stored(tmp_path):
    image, psf = problem()
    np.save(tmp_path / "image.npy", image)
    options = {**AUTO, "backend": "numpy", "background": 5.0, "return_info": True}
    result, info = no_camera.deconvolve(image, psf, **options)
    for other in (np.load(tmp_path / "image.npy", mmap_mode="r"), image.astype(np.uint16)):
        out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, image.shape)
        again, told = no_camera.deconvolve(other, psf, out=out, **options)
        assert told.held_out == info.held_out
        np.testing.assert_array_equal(again, result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.npy", "out.npy"]


def test_it_ends_near_the_best():
    psf = confocal_psf((9, 11, 11))
    made = phantom("shells", (20, 48, 48), psf=psf, photons=150, seed=3)
    result, info = no_camera.deconvolve(
        made.image, psf, iterations="auto", background=made.background, backend="numpy", return_info=True
    )
    estimates = itertools.islice(heavy_ball(made.image, psf, background=made.background), 40)
    assert nrmse(result, made.truth) <= 1.1 * min(nrmse(each, made.truth) for each in estimates)
    assert info.gain == pytest.approx(1.0, rel=0.1)
    assert info.offset == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize(("gain", "offset"), [(0.46, 100.0), (2.2, 100.0), (0.01, 0.0)])
def test_a_camera_is_taken_out_before_the_number_is_found(gain, offset):
    made = phantom("mixed", (16, 96, 96), psf=confocal_psf((7, 9, 9)), photons=150, seed=5)
    told = pytest.warns(CameraWarning, match="taken off") if offset else nullcontext()
    with told:
        result, info = rlcore.deconvolve(gain * made.image + offset, made.psf, backend="numpy", return_info=True)
    assert info.gain == pytest.approx(gain, rel=0.12)
    assert info.offset == pytest.approx(offset, abs=4 * gain)
    estimates = heavy_ball(made.image, made.psf, background=made.background)
    best = min(nrmse(each, made.truth) for each in itertools.islice(estimates, 45))
    assert nrmse(result / gain, made.truth) <= 1.15 * best


def test_held_out_photons_and_the_others_are_independent_counts():
    image = np.random.default_rng(1).poisson(20.0, (40, 60, 60)).astype(np.float32)
    parts = split(image, Photons(1.0, 0.0), np.empty_like(image), np.asarray)
    held_out = parts.held_out * HELD_OUT / (1 - HELD_OUT)
    fitted = parts.fitted[list(SampledPlanes.over(image.shape).planes)]
    np.testing.assert_allclose(np.rint(held_out), held_out, atol=1e-4)
    assert np.all(fitted >= 0)
    for part, mean in ((held_out, 20 * HELD_OUT), (fitted, 20 * (1 - HELD_OUT))):
        assert part.mean() == pytest.approx(mean, rel=0.01)
        assert part.var() == pytest.approx(mean, rel=0.03)
    assert abs(np.corrcoef(held_out.ravel(), fitted.ravel())[0, 1]) < 0.01


class Stopped(Exception):
    """The process is gone."""


@pytest.mark.parametrize("option", ["auto", "relative-change"])
@pytest.mark.parametrize("half_steps", [None, 1, 2])
def test_a_run_that_is_killed_goes_on_to_the_same_end(option, half_steps, tmp_path):
    backend, options = BACKENDS["numpy"], AUTO if option == "auto" else SETTLED
    asked = {"iterations": options["iterations"], "stop": options.get("stop", "none")}
    plan = plan_in_blocks(backend, half_steps, "scratch", **asked) if half_steps else None
    never, info = restore(backend, plan, checkpoint=tmp_path / "never", return_info=True, **options)
    steps = []
    restore(backend, plan, callback=steps.append, checkpoint=tmp_path / "count", **options)
    for call in (2, len(steps) // 2, len(steps) - 1, len(steps)):
        numbers = itertools.count(1)

        def tell(_, numbers=numbers, call=call):
            if next(numbers) == call:
                raise Stopped

        with pytest.raises(Stopped):
            restore(backend, plan, checkpoint=tmp_path / f"{call}", callback=tell, **options)
        again, told = restore(backend, plan, checkpoint=tmp_path / f"{call}", return_info=True, **options)
        assert told.iterations == info.iterations
        np.testing.assert_array_equal(again, never)
    assert list(tmp_path.iterdir()) == []


def test_progress_tells_that_it_is_looking():
    seen = []
    _, info = restore("numpy", callback=seen.append, return_info=True, **AUTO)
    looking = [progress for progress in seen if progress.looking]
    assert seen[: len(looking)] == looking
    assert len(looking) == len(info.held_out)
    assert {progress.iterations for progress in looking} == {MAXIMUM_ITERATIONS}
    assert {progress.fraction for progress in looking} == {0.0}
    assert [progress.iteration for progress in seen[len(looking) :]] == list(range(1, info.iterations + 1))
    assert seen[-1].fraction == 1.0
    with pytest.raises(rlcore.Cancelled):
        restore("numpy", callback=lambda progress: progress.iteration < 3, **AUTO)


def test_the_plan_is_for_the_most_there_may_be():
    plan = no_camera.make_plan((32, 64, 64), (5, 5, 5), iterations="auto", backend="numpy")
    assert (plan.iterations, plan.stop) == (MAXIMUM_ITERATIONS, "none")
    assert f"{MAXIMUM_ITERATIONS} iterations with heavy-ball" in str(plan)
    small = no_camera.make_plan(
        (32, 256, 256), (5, 5, 5), iterations=90, stop="relative-change", backend="numpy", memory="60 MiB"
    )
    assert not small.is_whole
    assert small.half_steps <= 2


def test_who_does_not_ask_pays_nothing(monkeypatch):
    def looked(*_, **__):
        raise AssertionError("looked at how well the model fits")

    monkeypatch.setattr("rlcore.backend.numpy_backend.NumPyBackend.fit", looked)
    monkeypatch.setattr("rlcore.api.find_iterations.split", looked)
    restore("numpy", iterations=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": "many"}, "iterations 'many' is neither a whole number of at least 1 nor 'auto'"),
        ({"stop": "soon"}, "stop 'soon' is unknown; choose from 'none', 'relative-change'"),
        ({"threshold": 0.1}, "threshold 0.1 is of no use without a stop; give stop='relative-change' with it"),
        ({"stop": "relative-change", "threshold": 2}, "threshold 2 is not a number between 0 and 1"),
        ({"stop": "relative-change", "exchange": False}, "independent blocks cannot agree on when to stop; leave exch"),
        ({"iterations": "auto", "gain": -1}, "gain -1 is not a positive number"),
        ({"iterations": "auto", "gain": (1, 2, 3)}, "gain (1, 2, 3) is neither a number nor a pair of gain and offset"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(rlcore.InputError) as refused:
        restore("numpy", **options)
    assert str(refused.value).startswith(message)


def test_images_that_are_no_photons_take_the_default_and_say_why():
    image, psf = problem()
    flat = np.random.default_rng(0).normal(100, 3, image.shape).clip(0)
    for other in (np.full_like(image, 7), flat):
        with pytest.warns(rlcore.ImageWarning, match="image does not tell how many photons it is of: .* 15 iterations"):
            result, info = no_camera.deconvolve(other, psf, iterations="auto", backend="numpy", return_info=True)
        assert info.iterations == 15
        np.testing.assert_array_equal(result, no_camera.deconvolve(other, psf, iterations=15, backend="numpy"))
    with pytest.warns(rlcore.ImageWarning, match="image has only about 0 photons at a gain of 1e"):
        no_camera.deconvolve(image, psf, iterations="auto", gain=1e9, backend="numpy")
    with pytest.raises(rlcore.InputError, match=r"background 1000 is not below the image's mean"):
        no_camera.deconvolve(image, psf, iterations="auto", background=1000.0, backend="numpy")


def test_a_stopping_rule_ends_a_run_of_no_number():
    result, info = restore("numpy", return_info=True, **{**SETTLED, "iterations": "auto"})
    expected = restore("numpy", **{**SETTLED, "iterations": MAXIMUM_ITERATIONS})
    assert info.stopped == "the divergence changed by no more than the threshold"
    np.testing.assert_array_equal(result, expected)


def test_independent_blocks_take_the_number_that_is_found():
    _, info = restore("numpy", return_info=True, **AUTO)
    _, told = restore("numpy", return_info=True, **AUTO, exchange=False)
    assert told.iterations == info.iterations


def test_a_part_of_a_large_image_tells_the_number(monkeypatch):
    """The part is the brightest, and no more of the image is read than for the choice of it."""
    psf = confocal_psf((5, 7, 7))
    made = phantom("shells", (12, 96, 96), psf=psf, photons=120, seed=3)
    options = {"iterations": "auto", "gain": 1.0, "background": made.background, "backend": "numpy"}
    _, whole = no_camera.deconvolve(made.image, psf, return_info=True, **options)
    monkeypatch.setattr("rlcore.api.find_iterations.SMALLEST_PART", 1 << 14)
    fitted = []
    split_of = rlcore.api.find_iterations.split
    monkeypatch.setattr(
        "rlcore.api.find_iterations.split", lambda image, *rest: fitted.append(image.shape) or split_of(image, *rest)
    )
    _, part = no_camera.deconvolve(made.image, psf, return_info=True, **options)
    assert fitted[0][0] == 12
    assert np.prod(fitted[0]) <= 0.26 * made.image.size
    assert abs(part.iterations - whole.iterations) <= 2


def test_a_plan_with_long_sweeps_cannot_stop_after_any_iteration():
    plan = plan_in_blocks(BACKENDS["numpy"], 6, iterations=40, stop="relative-change")
    with pytest.raises(
        rlcore.InputError, match="plan of 6 half-steps between exchanges cannot stop after any iteration"
    ):
        restore("numpy", plan, **SETTLED)


def test_the_held_out_part_is_compared_with_what_the_others_let_expect():
    """For the constant start the divergence can be worked out by hand."""
    image, _ = problem()
    _, info = restore(BACKENDS["double"], return_info=True, boundary="periodic", **AUTO)
    parts = split(image, Photons(1.0, 0.0), np.empty_like(image), np.asarray)
    model = np.full(image.shape, parts.fitted.mean(dtype=np.float64)) * HELD_OUT / (1 - HELD_OUT)
    expected = i_divergence(parts.held_out * HELD_OUT / (1 - HELD_OUT), model)
    assert info.held_out[0] == pytest.approx(expected, rel=1e-6)
