"""What steps are put off and done together changes no value: random programs, with NumPy in the place of the device."""

import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from rlcore.algorithm import inner_products as scout
from rlcore.algorithm.inner_products import Planes, Scout
from rlcore.algorithm.richardson_lucy import Data, Optics, State, IterationContext, iterate
from rlcore.algorithm.steps import steps_for
from rlcore.backend import InnerProducts
from rlcore.backend.boxes import Box
from rlcore_cupy import CuPyBackend, elementwise, layout, regularize, waiting
from rlcore_cupy.layout import Padded
from rlcore_cupy.transforms import Transforms

SHAPE, LEAST = (3, 12), 0.75
NAMES = "abcde"


def rows_of(buffer, line, n):
    return buffer.reshape(-1, line)[:, :n]


class Rows:
    """Rows as the kernels take them, one after the other."""

    def can_step(self, *arrays):
        return True

    def forward(self, array, out):
        self.step(array, "reals", "none", out, "halves")

    def backward(self, array):
        self.step(array, "halves", "none", array, "reals")

    def step(self, array, origin, step, out, target, *also):
        n = array.shape[-1]
        source, rows = array, slice(None)
        if array.part is not None:
            assert step.endswith("kept")
            source, rows = array.part.source, slice(array.part.first, None, array.part.step)
        halves = source.buffer.view(np.complex128).reshape(source.rows, -1)[rows][: array.rows, : n // 2 + 1]
        values = np.fft.irfft(halves, n) * n if origin == "halves" else array.reals.copy()
        name, *marks = step.split(", ")
        ahead = "ahead" in marks
        also = list(also)
        if name == "ratio":
            values = rows_of(*also[:2], n) / np.maximum(values + also[2], also[3]) - 1
        elif name == "point":
            values = point(rows_of(*also[:2], n), values, *also[2:])
        elif name != "none":
            estimate, weight = rows_of(*also[:2], n), 1.0
            del also[:2]
            if name == "weighted":
                weight = rows_of(*also[:2], n).copy()
                del also[:2]
            newest = rows_of(*also[:2], n).copy() if ahead else None
            start = point(newest, estimate, *also[2:5]) if ahead else estimate
            values = start * np.maximum(1 + weight * values, 0)
            if "kept" in marks:
                tell(values, start, newest, also[8:])
                estimate[...] = start
            if target == "halves":
                estimate[...] = values
                values = point(values, newest, *also[5:7], also[4]) if ahead else values
        if target == "reals":
            out.reals[...] = values
        else:
            out.buffer.view(np.complex128).reshape(out.rows, -1)[:, : n // 2 + 1] = np.fft.rfft(values)


class Columns:
    """A filter's transfer; there are no other axes."""

    def run(self, array, columns, kind, *, transfer=None, scale=1.0):
        if transfer is not None:
            factor = transfer.buffer.view(np.complex128) / array.shape[-1]
            array.buffer.view(np.complex128)[...] *= factor if kind == "convolve" else factor.conj()


def point(newest, before, factor, sums, least):
    assert not sums
    return np.maximum(newest + factor * (newest - before), least * newest)


def tell(estimate, start, newest, also):
    """As `inner_products` does, if there is a point before."""
    past, line, wide, *ends, _, sums, _ = also
    if isinstance(past, np.ndarray):
        there, x = np.arange(len(estimate)), slice(*ends[4:])
        rows = (there // wide >= ends[0]) & (there // wide < ends[1])
        rows &= (there % wide >= ends[2]) & (there % wide < ends[3])
        before = rows_of(past, line, estimate.shape[1])
        pairs = zip((estimate, newest), (start, before), strict=True)
        u, v = ((a - b)[rows, x] for a, b in pairs)
        sums[:] = (u * v / before[rows, x]).sum(), (v * v / before[rows, x]).sum()


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


class Told:
    """Where `tell` writes to."""

    def __init__(self, blocks):
        self.sums = np.zeros(2)
        self.arguments = None, self.sums, None

    @property
    def inner_products(self):
        return InnerProducts(*self.sums)


def inner_products(arrays, inside):
    """As it is told of arrays where nothing waits."""
    return scout.inner_products(*(array.reals for array in arrays), inside=inside)


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setattr(layout, "cupy", SimpleNamespace(empty=lambda n, _: np.zeros(n), float32=np.float64))
    monkeypatch.setattr(elementwise, "run", run)
    monkeypatch.setattr(waiting, "Total", Told)
    monkeypatch.setattr(waiting, "blocks_of", lambda array, step: 1)
    monkeypatch.setattr(regularize, "inner_products", inner_products)
    made = object.__new__(CuPyBackend)
    made._place = SimpleNamespace(here=nullcontext)
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
        self.transfer = Padded(SHAPE).become("spectrum")
        self.transfer.buffer.view(np.complex128).reshape(SHAPE[0], -1)[:, : SHAPE[-1] // 2 + 1] = self.kernel

    def filter(self, kind, array, out):
        getattr(self.backend, kind)(self.arrays[array], self.transfer, out=self.arrays[out])
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
        factor = float(self.rng.integers(1, 8)) / 8
        arrays = self.arrays[estimate], self.arrays[previous]
        self.backend.predict(*arrays, factor, least=LEAST, out=self.arrays[out])
        self.truth[out] = point(self.truth[estimate], self.truth[previous], factor, 0, LEAST)

    def inner_products(self, estimate, point, previous, before):
        """Of a box that leaves out voxels on every side; dark ones hang on rounding."""
        if self.truth[before].min() < 1e-3:
            return
        names, box = (estimate, point, previous, before), Box((1, 2), (3, 11))
        told = self.backend.inner_products(*(self.arrays[name] for name in names), inside=box)
        truth = scout.inner_products(*(self.truth[name] for name in names), inside=box)
        np.testing.assert_allclose(told, truth, rtol=1e-6, atol=1e-6 * truth.square)

    def planes(self, array):
        """What is looked at of an array changes nothing of it, nor of what waits; and stays what it was."""
        self.check_planes()
        self.taken = self.backend.planes(self.arrays[array], 1, 2, 1), self.truth[array][1::2]
        if self.rng.integers(2):
            self.check_planes()

    def check_planes(self):
        if self.taken is not None:
            (taken, truth), self.taken = self.taken, None
            held = self.backend._padded(taken).reals
            np.testing.assert_allclose(held, truth, rtol=1e-7, atol=1e-9 * np.abs(truth).max())

    def iterations(self, newest, before, work, image, weight):
        """As Richardson-Lucy goes."""
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
            held = self.backend._padded(self.arrays[name]).reals
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
            case 7:  # as planes are stepped by themselves
                self.predict(a, b, b)
                self.filter("correlate", c, c)
                out = self.rng.choice([e, a, c, d])
                self.update(b, c, weight if weight != c else None, out)
                if self.rng.integers(4):
                    self.inner_products(out, *([b, a, d] if self.rng.integers(4) else self.rng.permutation([a, b, d])))


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
    steps, step = set(), Rows.step
    monkeypatch.setattr(Rows, "step", lambda self, *given: steps.add(given[2]) or step(self, *given))
    for seed in range(100):
        machine = Machine(backend, np.random.default_rng(seed))
        for _ in range(4):
            machine.any_step()
    assert {"none", "ratio", "point", "update", "weighted", "update, ahead", "weighted, ahead"} <= steps
    assert {"update, ahead, kept", "weighted, ahead, kept"} <= steps


@pytest.mark.parametrize("make", ["full", "result"])
def test_what_a_step_needed_is_free_when_a_result_is_made(backend, make, monkeypatch):
    """The last update still waits then; the correction, and the image that its ratio was taken of, are not needed."""
    machine, there = Machine(backend, np.random.default_rng(0)), []
    machine.filter("convolve", "a", "c")
    machine.ratio("d", "c", "c")
    machine.filter("correlate", "c", "c")
    machine.update("a", "c", None, "a")
    needed = [weakref.ref(machine.arrays.pop(name)) for name in "cd"]
    assert all(array() is not None for array in needed)
    empty, zeros = layout.cupy.empty, np.zeros
    made = SimpleNamespace(
        empty=lambda n, kind: (there.extend(array() for array in needed), empty(n, kind))[1],
        zeros=lambda n, kind: (there.extend(array() for array in needed), zeros(n))[1],
        float32=np.float64,
    )
    monkeypatch.setattr(layout, "cupy", made)
    monkeypatch.setattr("rlcore_cupy.backend.cupy", made)
    backend.result(SHAPE) if make == "result" else backend.full(SHAPE, 0.0)
    assert there == [None, None]


@pytest.mark.parametrize("accelerated", [False, True])
def test_an_iteration_passes_through_memory_as_seldom_as_it_can(backend, accelerated, monkeypatch):
    machine, passes = Machine(backend, np.random.default_rng(0)), []
    step = Rows.step
    monkeypatch.setattr(Rows, "step", lambda self, *given: passes.append(given[2]) or step(self, *given))
    monkeypatch.setattr(elementwise, "run", None)
    newest, before = "a", "b"
    for number in range(4):
        if accelerated:
            machine.predict(newest, before, before)
            newest, before = before, newest
        passes.clear()
        machine.filter("convolve", newest, "c")
        machine.ratio("d", "c", "c")
        machine.filter("correlate", "c", "c")
        machine.update(newest, "c", "e", newest)
        if number:
            assert passes == ["weighted, ahead" if accelerated else "weighted", "ratio"]


def test_a_factor_told_by_planes_adds_no_pass_over_the_others(backend, monkeypatch):
    """As for Biggs' acceleration of large images."""
    machine, passes = Machine(backend, np.random.default_rng(0)), []
    step, small = Rows.step, {"told": 0, "run": 0, "passes": 0}

    def counted(self, array, *given):
        if array.shape == SHAPE:
            passes.append(given[1])
        step(self, array, *given)

    def tell(*taken):
        assert all(one.shape == (1, SHAPE[1]) for one in taken if one is not None)
        if taken[-1] is not None:
            backend.inner_products(*taken, inside=Box((0, 0), (1, SHAPE[1])))
        small["told"] += 1

    def told_by_a_pass_of_its_own(*_):
        small["passes"] += 1
        return InnerProducts(0.0, 0.0)

    def run_small(name, out, *operands, also=()):
        assert out.shape != SHAPE
        small["run"] += 1
        return run(name, out, *operands, also=also)

    monkeypatch.setattr(Rows, "step", counted)
    monkeypatch.setattr(elementwise, "run", run_small)
    monkeypatch.setattr(regularize, "inner_products", told_by_a_pass_of_its_own)
    take, weight = (lambda array: backend.planes(array, 1, 2, 1)), machine.arrays["e"]
    look = Scout(Planes(lambda: take(weight)), take, tell)
    newest, before, image = (machine.arrays[name] for name in "abd")
    turns = [IterationContext(0.5 * min(number, 1), scout=look) for number in range(5)]
    optics = Optics(machine.transfer, 0.5, 0.25)
    run_of = iterate(steps_for(backend, SHAPE), State(newest, before), Data(image, None), weight, optics, turns)
    for number, _ in enumerate(run_of):
        if number:
            assert passes == ["weighted, ahead", "ratio"]
        passes.clear()
    assert small == {
        "told": 5,
        "run": 1,
        "passes": 0,
    }  # the first point of the planes; all others are made in their update
