"""What is done and what remains, on a clock that only the transforms move; and the wish to stop."""

import threading

import numpy as np
import pytest
from fixtures.plans import IMAGE, ITERATIONS, OPTIONS, PSF, in_blocks

import rlcore
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera


class Clock:
    now = 100.0

    def perf_counter(self):
        return self.now


class Ticking(NumPyBackend):
    """Takes as long as it says."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def fft(self, array, *, out=None):
        self.clock.now += self.cost(array.shape)
        return super().fft(array, out=out)

    def ifft(self, spectrum, shape, *, out=None):
        self.clock.now += self.cost(shape)
        return super().ifft(spectrum, shape, out=out)

    def read(self, volume, start, shape, *, wrap=False, out=None):
        self.clock.now += self.cost(shape) / 10
        return super().read(volume, start, shape, wrap=wrap, out=out)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("rlcore.execution.progress.time", clock)
    return clock


WAYS = {
    "whole": {},
    "by halves": {"plan": in_blocks(1)},
    "an iteration a sweep": {"plan": in_blocks(2)},
    "two iterations a sweep": {"plan": in_blocks(4)},
    "without exchange": {"plan": in_blocks(8)},
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def reports_of(clock, **options):
    reports = []
    no_camera.deconvolve(
        IMAGE,
        PSF,
        iterations=ITERATIONS,
        backend=Ticking(clock),
        callback=lambda report: reports.append((clock.now, report)),
        **options,
    )
    return reports


@ways
def test_the_time_left_is_right_within_a_factor_of_two_after_a_tenth_of_the_run(clock, way):
    reports = reports_of(clock, **way)
    end = reports[-1][0]
    for now, report in reports[:-1]:
        if report.fraction >= 0.1:
            assert (end - now) / 2 <= report.remaining <= 2 * (end - now)
    assert reports[-1][1].remaining == pytest.approx(0)


def test_after_a_resume_the_time_left_counts_only_what_this_run_has_done(clock, tmp_path):
    options = {"checkpoint": tmp_path / "state", "plan": in_blocks(2, placement="scratch")}
    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(IMAGE, PSF, callback=lambda report: report.fraction < 0.6, **OPTIONS, **options)
    reports = reports_of(clock, **options)
    end = reports[-1][0]
    assert reports[0][1].fraction > 0.55
    for now, report in reports[:-1]:
        if report.fraction > 0.65:
            assert (end - now) / 2 <= report.remaining <= 2 * (end - now)


@ways
def test_progress_goes_up_from_nothing_to_all(clock, way):
    reports = [report for _, report in reports_of(clock, **way)]
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.5
    assert fractions[-1] == pytest.approx(1)
    iterations = [report.iteration for report in reports]
    assert iterations == sorted(iterations)
    assert {report.iterations for report in reports} == {ITERATIONS}
    for report in reports:
        assert 1 <= report.sweep <= report.sweeps
        assert 1 <= report.block <= report.blocks
        assert report.iteration <= report.fraction * ITERATIONS + 1e-9
    plan = way.get("plan")
    if plan is None:
        assert iterations == list(range(1, ITERATIONS + 1))
        assert len(reports) == ITERATIONS
    else:
        assert {report.block for report in reports} == set(range(1, max(report.blocks for report in reports) + 1))
        assert {report.sweep for report in reports} == set(range(1, reports[0].sweeps + 1))


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("wish", ["callback", "event"])
def test_a_run_stops_when_that_is_wished(wish, overlap):
    seen, event = [], threading.Event()

    def callback(report):
        seen.append(report)
        if len(seen) == 5:
            if wish == "callback":
                return False
            event.set()
        return None

    threads = threading.active_count()
    with pytest.raises(rlcore.Cancelled, match=r"^stopped on request after \d+% of the work$"):
        no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(overlap=overlap), callback=callback, cancel=event, **OPTIONS)
    assert len(seen) == 5
    assert threading.active_count() == threads


def test_an_event_that_is_set_before_stops_after_the_first_step():
    event, seen = threading.Event(), []
    event.set()
    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(IMAGE, PSF, callback=seen.append, cancel=event, **OPTIONS)
    assert len(seen) == 1


class Falsy:
    """What another library may call False."""

    def __eq__(self, other):
        return other is False

    __hash__ = None


@pytest.mark.parametrize("no", [False, np.False_, np.bool_(0), np.array(False), Falsy()])
def test_whatever_equals_false_stops_a_run(no):
    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(IMAGE, PSF, backend="numpy", callback=lambda _: no)


@pytest.mark.parametrize("yes", [None, 0, 0.0, np.int64(0), True, np.True_, "", (), np.zeros(3), object()])
def test_nothing_else_does(yes):
    no_camera.deconvolve(IMAGE, PSF, backend="numpy", iterations=2, callback=lambda _: yes)


@pytest.mark.parametrize(
    "error",
    [RuntimeError, MemoryError, rlcore.InputError, StopIteration, GeneratorExit, SystemExit, KeyboardInterrupt],
)
@pytest.mark.parametrize("placement", ["host", "scratch"])
def test_an_error_of_the_callback_is_the_callers_own_and_leaves_nothing(error, placement, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = error("mine")

    def fail(progress):
        if progress.sweep == 2:
            raise mine

    out = np.full(IMAGE.shape, -1, np.float32)
    with pytest.raises(error) as caught:
        no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(placement=placement), **OPTIONS, callback=fail, out=out)
    assert caught.value is mine
    assert not any(tmp_path.iterdir())
    np.testing.assert_array_equal(out, np.full(IMAGE.shape, -1, np.float32))
