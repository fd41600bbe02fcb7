"""Deferring steps changes no value: random programs, with NumPy in the place of the device."""

import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from rlcore.algorithm.momentum import Comparison, SampledEstimates
from rlcore.algorithm.richardson_lucy import Data, IterationContext, Model, State, iterate
from rlcore.algorithm.sampled_planes import PlaneView
from rlcore.backend import Box
from rlcore_cupy import CuPyBackend, arrays, elementwise, sums
from rlcore_cupy.arrays import Momentum, Padded, momentum_arguments
from rlcore_cupy.row_kernels import RowPass
from rlcore_cupy.transforms import Transforms

SHAPE, SHARE = (3, 12), 0.75
NAMES = "abcde"


def rows_of(buffer, line, n):
    return buffer.reshape(-1, line)[:, :n]


class Rows:
    """Rows as the kernels take them, one after the other."""

    def can_step(self, *arrays):
        return True

    def forward(self, array, out):
        self.run(RowPass("reals", "none", "halves"), array, out)

    def backward(self, array):
        self.run(RowPass("halves", "none", "reals"), array, array)

    def run(self, row_pass, array, out, *also):
        n, also, taken = array.shape[-1], list(also), slice(None)
        if row_pass.sampled:
            (height, first, every), also = also[-3:], also[:-3]
            taken = (np.arange(out.rows) // height * every + first) * height + np.arange(out.rows) % height
        halves = array.buffer.view(np.complex128).reshape(array.rows, -1)[taken, : n // 2 + 1]
        values = np.fft.irfft(halves, n) * n if row_pass.origin == "halves" else array.reals.copy()
        if row_pass.step == "ratio":
            values = rows_of(*also[:2], n) / np.maximum(values + also[2], also[3]) - 1
        elif row_pass.step == "point":
            values = point(rows_of(*also[:2], n), values, *also[2:])
        elif row_pass.step != "none":
            estimate, weight = rows_of(*also[:2], n)[taken], 1.0
            del also[:2]
            if row_pass.step == "weighted":
                weight = rows_of(*also[:2], n)[taken].copy()
                del also[:2]
            newest = rows_of(*also[:2], n)[taken].copy() if row_pass.extrapolated else None
            start = point(newest, estimate, *also[2:5]) if row_pass.extrapolated else estimate
            values = start * np.maximum(1 + weight * values, 0)
            if row_pass.target == "halves":
                estimate[...] = values
                values = point(values, newest, *also[5:7], also[4]) if row_pass.extrapolated else values
        if row_pass.target == "reals":
            out.reals[...] = values
        else:
            out.buffer.view(np.complex128).reshape(out.rows, -1)[:, : n // 2 + 1] = np.fft.rfft(values)


class Columns:
    """The product with a filter's OTF; there are no other axes."""

    def run(self, array, columns, kind, *, otf=None, scale=1.0):
        if otf is not None:
            factor = otf.buffer.view(np.complex128) / array.shape[-1]
            array.buffer.view(np.complex128)[...] *= factor if kind == "convolve" else factor.conj()


def point(newest, before, given, stored, share):
    momentum = stored[0] if isinstance(stored, np.ndarray) else given
    return np.maximum(newest + momentum * (newest - before), share * newest)


def run(name, out, *operands, also=()):
    values = [operand.reals.copy() for operand in operands]
    if name == "predict":
        out.reals[...] = point(*values, *also)
    elif name == "ratio":
        out.reals[...] = values[0] / np.maximum(values[1] + also[0], also[1]) - 1
    else:
        weight = values[2] if name == "weighted" else 1.0
        out.reals[...] = values[0] * np.maximum(1 + weight * values[1], 0)
    return out


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setattr(arrays, "cupy", SimpleNamespace(empty=lambda n, _: np.zeros(n), float32=np.float64))
    monkeypatch.setattr(elementwise, "run", run)
    made = object.__new__(CuPyBackend)
    made._context = SimpleNamespace(active=nullcontext)
    made._transforms = Transforms(0)
    made._transforms._rows, made._transforms._columns = Rows(), Columns()
    return made


class Machine:
    """Arrays on the backend, and what they have to hold."""

    def __init__(self, backend, rng):
        self.backend, self.rng, self.taken = backend, rng, None
        self.truth = {name: rng.random(SHAPE) + 0.5 for name in NAMES}
        self.arrays = {name: Padded(SHAPE) for name in NAMES}
        for name, array in self.arrays.items():
            array.reals[...] = self.truth[name]
        self.kernel = np.fft.rfft(rng.random(SHAPE[-1]) / SHAPE[-1])
        self.otf = Padded(SHAPE).become("spectrum")
        self.otf.buffer.view(np.complex128).reshape(SHAPE[0], -1)[:, : SHAPE[-1] // 2 + 1] = self.kernel

    def filter(self, kind, array, out):
        getattr(self.backend, kind)(self.arrays[array], self.otf, out=self.arrays[out])
        factor = self.kernel if kind == "convolve" else self.kernel.conj()
        self.truth[out] = np.fft.irfft(np.fft.rfft(self.truth[array]) * factor, SHAPE[-1])

    def ratio(self, image, blurred, out):
        options = {"background": 0.5, "floor": 0.25}
        self.backend.ratio(self.arrays[image], self.arrays[blurred], **options, out=self.arrays[out])
        self.truth[out] = self.truth[image] / np.maximum(self.truth[blurred] + 0.5, 0.25) - 1

    def update(self, estimate, correction, weight, out):
        given = None if weight is None else self.arrays[weight]
        self.backend.update(self.arrays[estimate], self.arrays[correction], given, out=self.arrays[out])
        factor = 1.0 if weight is None else self.truth[weight]
        self.truth[out] = self.truth[estimate] * np.maximum(1 + factor * self.truth[correction], 0)

    def predict(self, estimate, previous, out):
        momentum = float(self.rng.integers(1, 8)) / 8
        if self.rng.integers(2):  # one that stays on the device
            momentum = Momentum(np.array([momentum]), None)
        given = self.arrays[estimate], self.arrays[previous]
        self.backend.predict(*given, momentum, share=SHARE, out=self.arrays[out])
        self.truth[out] = point(self.truth[estimate], self.truth[previous], *momentum_arguments(momentum), SHARE)

    def planes(self, array):
        """Planes taken of an array change nothing of it, nor of pending steps; and they stay as they were."""
        self.check_planes()
        self.taken = self.backend.planes(self.arrays[array], 1, 2, 1), self.truth[array][1::2]
        if self.rng.integers(2):
            self.check_planes()

    def check_planes(self):
        if self.taken is not None:
            (taken, truth), self.taken = self.taken, None
            held = self.backend._voxels(taken).reals
            np.testing.assert_allclose(held, truth, rtol=1e-7, atol=1e-9 * np.abs(truth).max())

    def iterations(self, newest, before, work, image, weight):
        """Accelerated iterations, as the algorithm chains them."""
        self.predict(newest, before, before)
        for _ in range(self.rng.integers(1, 4)):
            self.filter("convolve", before, work)
            self.ratio(image, work, work)
            self.filter("correlate", work, work)
            if self.rng.integers(2):
                self.planes(before)
            self.update(before, work, weight, before)
            newest, before = before, newest
            self.predict(newest, before, before)

    def check(self, names):
        for name in names:
            held = self.backend._voxels(self.arrays[name]).reals
            np.testing.assert_allclose(held, self.truth[name], rtol=1e-7, atol=1e-9 * np.abs(self.truth[name]).max())

    def any_step(self):
        a, b, c, d, e = self.rng.permutation(list(NAMES))
        weight = self.rng.choice([d, None])
        match self.rng.integers(8):
            case 0:
                self.filter(self.rng.choice(["convolve", "correlate"]), a, self.rng.choice([a, b]))
            case 1:
                self.ratio(a, b, self.rng.choice([b, c]))
            case 2:
                self.update(a, b, weight, self.rng.choice([a, a, b, c]))
            case 3:
                self.predict(a, b, self.rng.choice([b, b, a, c]))
            case 4:
                self.iterations(a, b, c, e, weight)
            case 5:
                self.check([a])
            case 6:
                self.planes(a)
            case 7:  # the point is needed after its update
                self.predict(a, b, b)
                if self.rng.integers(2):
                    self.filter("convolve", b, c)
                self.filter("correlate", c, c)
                self.update(b, c, weight, self.rng.choice([c, c, e]))
                if self.rng.integers(2):
                    self.check([b])


@pytest.mark.parametrize("seed", range(300))
def test_random_programs_compute_what_they_say(backend, seed):
    machine = Machine(backend, np.random.default_rng(seed))
    for _ in range(12):
        machine.any_step()
        if max(np.abs(values).max() for values in machine.truth.values()) > 1e6:
            break
    machine.check_planes()
    machine.check(machine.rng.permutation(list(NAMES)))


def test_random_programs_take_every_step(backend, monkeypatch):
    passes = recorded(monkeypatch)
    for seed in range(100):
        machine = Machine(backend, np.random.default_rng(seed))
        for _ in range(4):
            machine.any_step()
    steps = {(row_pass.step, row_pass.extrapolated) for row_pass in passes}
    assert steps == {
        *((step, False) for step in ("none", "ratio", "point", "update", "weighted")),
        *((step, True) for step in ("update", "weighted")),
    }


@pytest.mark.parametrize("make", ["full", "result"])
def test_operands_of_steps_are_free_when_a_result_is_made(backend, make, monkeypatch):
    """The last update is still pending then; the correction, and the image of its ratio, are not needed after it."""
    machine, there = Machine(backend, np.random.default_rng(0)), []
    machine.filter("convolve", "a", "c")
    machine.ratio("d", "c", "c")
    machine.filter("correlate", "c", "c")
    machine.update("a", "c", None, "a")
    needed = [weakref.ref(machine.arrays.pop(name)) for name in "cd"]
    assert all(array() is not None for array in needed)
    empty, zeros = arrays.cupy.empty, np.zeros
    made = SimpleNamespace(
        empty=lambda n, kind: (there.extend(array() for array in needed), empty(n, kind))[1],
        zeros=lambda n, kind: (there.extend(array() for array in needed), zeros(n))[1],
        float32=np.float64,
    )
    monkeypatch.setattr(arrays, "cupy", made)
    monkeypatch.setattr("rlcore_cupy.backend.cupy", made)
    backend.result(SHAPE) if make == "result" else backend.full(SHAPE, 0.0)
    assert there == [None, None]


def recorded(monkeypatch):
    """Passes over rows of whole arrays, as they are made."""
    passes, run_pass = [], Rows.run

    def run_and_record(self, row_pass, array, *given):
        if array.shape == SHAPE:
            passes.append(row_pass)
        run_pass(self, row_pass, array, *given)

    monkeypatch.setattr(Rows, "run", run_and_record)
    return passes


RATIO = RowPass("halves", "ratio", "halves")


def test_adaptive_momentum_takes_no_pass_more(backend, monkeypatch):
    """The update is computed in the sampled planes alone, and the whole of it with the next point, as it is without."""
    machine, passes = Machine(backend, np.random.default_rng(0)), recorded(monkeypatch)
    newest, before, image, weight = (machine.arrays[name] for name in "abde")
    sampled = SampledEstimates(backend, PlaneView(range(1, 2), 1, 2, 1, Box((0, 0), (1, SHAPE[1]))))
    compared = []

    def contexts():
        for number in range(5):
            momentum = Momentum(np.array([number / 8]), None)

            def planes_of_point(point, momentum=momentum):
                return sampled.planes_of_point(point, momentum)

            def add(estimate, planes, previous, earlier):
                compared.append((sampled.add(estimate, previous)[0], planes))

            yield IterationContext(momentum, comparison=Comparison(True, planes_of_point, add))

    model = Model(machine.otf, 0.5, 0.25)
    truth = [machine.truth[name] for name in "ab"]
    for number, _ in enumerate(iterate(backend, State(newest, before), Data(image, None), weight, model, contexts())):
        whole = [each for each in passes if not each.sampled]
        if number:
            assert whole == [RowPass("halves", "weighted", "halves", extrapolated=True), RATIO]
        assert [each for each in passes if each.sampled] == [RowPass("halves", "weighted", "reals", True, True)]
        passes.clear()
        following = point(*truth, number / 8, None, SHARE)
        blurred = np.fft.irfft(np.fft.rfft(following) * machine.kernel, SHAPE[1])
        ratio = machine.truth["d"] / np.maximum(blurred + 0.5, 0.25) - 1
        change = np.fft.irfft(np.fft.rfft(ratio) * machine.kernel.conj(), SHAPE[1])
        truth = [following * np.maximum(1 + machine.truth["e"] * change, 0), truth[0]]
        for planes, expected in zip(compared.pop(), (truth[0], following), strict=True):
            np.testing.assert_allclose(backend._voxels(planes).reals, expected[1:2], rtol=1e-7)


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("watched", [False, True])
def test_an_iteration_passes_over_memory_as_seldom_as_it_can(backend, accelerated, watched, monkeypatch):
    """Even where planes of the blurred array are taken for the fit."""
    machine, passes = Machine(backend, np.random.default_rng(0)), recorded(monkeypatch)
    monkeypatch.setattr(elementwise, "run", None)
    newest, before, image, weight = (machine.arrays[name] for name in "abde")
    watch = (lambda blurred: backend._voxels(backend.planes(blurred, 1, 2, 1))) if watched else None
    contexts = [IterationContext(number / (number + 3) if accelerated else None, watch) for number in range(5)]
    model = Model(machine.otf, 0.5, 0.25)
    for number, _ in enumerate(iterate(backend, State(newest, before), Data(image, None), weight, model, contexts)):
        if number:
            assert passes == [RowPass("halves", "weighted", "halves", accelerated), RATIO]
        passes.clear()


def test_planes_of_a_point_leave_it_pending(backend, monkeypatch):
    """As for adaptive momentum: the point is only made on the way to its transform, and within its update."""
    machine, passes = Machine(backend, np.random.default_rng(0)), recorded(monkeypatch)
    machine.filter("correlate", "c", "c")
    machine.predict("a", "b", "b")
    machine.filter("convolve", "b", "d")
    machine.planes("b")
    machine.update("b", "c", "e", "b")
    machine.check_planes()
    machine.check("b")
    assert passes[-2:] == [RowPass("reals", "point", "halves"), RowPass("halves", "weighted", "reals", True)]


@pytest.mark.parametrize("ready", [False, True])
def test_momentum_makes_a_pending_point(backend, ready, monkeypatch):
    """In its own pass, unless the point has been made before; the kernel itself is tested beside its source."""
    made = []

    def launch(grid, _, arguments):
        n, rows, estimate, le, place, lp, previous, lr, before, lb, *numbers, found, count, stored = arguments
        box, (extrapolated, *step, maximum) = numbers[:7], numbers[7:]
        f, y, p, b = (
            rows_of(buffer, line, n) for buffer, line in ((estimate, le), (place, lp), (previous, lr), (before, lb))
        )
        assert (len(f), *box) == (rows, SHAPE[0], 0, 1, 1, 3, 2, 11)
        assert (found.shape, count[0], stored.shape) == ((*grid, 2), 0, (1,))
        if extrapolated:
            y[...] = point(p, y, *step)
        made.append(bool(extrapolated))
        newer, older = ((one - other)[1:3, 2:11] for one, other in ((f, y), (p, b)))
        share = older / b[1:3, 2:11]
        stored[0] = min(max((newer * share).sum() / (older * share).sum(), 0.0), maximum)

    monkeypatch.setattr(sums, "cupy", device_in_numpy())
    monkeypatch.setattr(sums, "kernel", lambda *_: launch)
    monkeypatch.setattr(sums, "small_array", np.array)
    machine = Machine(backend, np.random.default_rng(0))
    f, y, p, b = (machine.arrays[name] for name in "abcd")
    machine.predict("c", "b", "b")
    if ready:
        machine.check("b")
    found = backend.momentum(f, y, p, b, inside=Box((1, 2), (3, 11)), maximum=0.999)
    steps = [(machine.truth[one] - machine.truth[other])[1:3, 2:11] for one, other in ("ab", "cd")]
    share = steps[1] / machine.truth["d"][1:3, 2:11]
    truth = min(max((steps[0] * share).sum() / (steps[1] * share).sum(), 0.0), 0.999)
    np.testing.assert_allclose(found.stored[0], truth)
    assert made == [not ready]
    machine.check(NAMES)


def device_in_numpy():
    """As much of CuPy as a momentum takes, with arrays of NumPy."""
    runtime = SimpleNamespace(getDevice=lambda: 0)
    event = SimpleNamespace(record=lambda: None)
    cuda = SimpleNamespace(runtime=runtime, get_current_stream=lambda: SimpleNamespace(ptr=0), Event=lambda **_: event)
    return SimpleNamespace(empty=np.empty, float32=np.float32, float64=np.float64, cuda=cuda)


def test_a_point_outlives_an_update_to_the_correction(backend):
    """As for adaptive momentum of small images, and total variation."""
    machine = Machine(backend, np.random.default_rng(0))
    machine.predict("a", "b", "b")
    machine.filter("convolve", "b", "c")
    machine.ratio("d", "c", "c")
    machine.filter("correlate", "c", "c")
    machine.update("b", "c", "e", "c")
    machine.predict("c", "a", "a")
    machine.check(NAMES)
