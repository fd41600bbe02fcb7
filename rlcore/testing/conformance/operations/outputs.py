"""Results go into `out` if it is given, and nowhere else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend, Shape, Volume, overrides
from rlcore.testing.conformance.cases import THROUGH_FFT, close, garbage, kernel, over_shapes, volume


@dataclass(frozen=True, slots=True)
class _Case:
    """An operation, the host arrays that go into it, and the inputs that `out` may be."""

    name: str
    operation: Callable[..., Any]
    inputs: tuple[Volume, ...]
    spectra: tuple[int, ...] = ()
    """Inputs that are given as their spectra."""
    gives_spectrum: bool = False
    out_may_be: tuple[int, ...] = ()
    changes: tuple[int, ...] = ()
    """Inputs that the operation may change."""

    def arrays(self, engine: Backend[Any]) -> list[Any]:
        arrays = [engine.upload(array) for array in self.inputs]
        return [engine.fft(array) if i in self.spectra else array for i, array in enumerate(arrays)]

    def voxels(self, engine: Backend[Any], array: Any, *, spectrum: bool) -> Volume:
        return engine.download(engine.ifft(array, self.inputs[0].shape) if spectrum else array)


class Outputs:
    """`out`, and inputs that stay as they were."""

    @over_shapes
    def test_inputs_are_untouched(self, engine: Backend[Any], shape: Shape) -> None:
        """An operation changes an array that it should only read; give a library that destroys its input a copy."""
        for case in _cases(engine, shape):
            arrays = case.arrays(engine)
            before = [case.voxels(engine, array, spectrum=i in case.spectra) for i, array in enumerate(arrays)]
            case.operation(*arrays)
            for i, (array, kept) in enumerate(zip(arrays, before, strict=True)):
                if i not in case.changes:
                    after = case.voxels(engine, array, spectrum=i in case.spectra)
                    np.testing.assert_array_equal(after, kept, f"{case.name} changed its input {i}")

    @over_shapes
    def test_out_is_filled_and_returned(self, engine: Backend[Any], shape: Shape) -> None:
        """An operation leaves `out` as it was, or returns another array; the algorithm reads `out` afterwards."""
        for case in _cases(engine, shape):
            truth = case.voxels(engine, case.operation(*case.arrays(engine)), spectrum=case.gives_spectrum)
            out = engine.fft(engine.upload(np.zeros(shape))) if case.gives_spectrum else garbage(engine, shape)
            returned = case.operation(*case.arrays(engine), out=out)
            assert returned is out, f"{case.name} did not return out"
            _same(case.voxels(engine, out, spectrum=case.gives_spectrum), truth, f"{case.name} into out")

    @over_shapes
    def test_out_may_be_an_input(self, engine: Backend[Any], shape: Shape) -> None:
        """An operation fails if `out` is one of its inputs; check that it reads every voxel before writing it."""
        for case in _cases(engine, shape):
            truth = case.voxels(engine, case.operation(*case.arrays(engine)), spectrum=case.gives_spectrum)
            for place in case.out_may_be:
                arrays = case.arrays(engine)
                case.operation(*arrays, out=arrays[place])
                result = case.voxels(engine, arrays[place], spectrum=case.gives_spectrum)
                _same(result, truth, f"{case.name} into its own input {place}")

    @over_shapes
    def test_flip_leaves_its_input(self, engine: Backend[Any], shape: Shape) -> None:
        """`flip` changes the array that it is given; since it has no `out`, it has to return a new one."""
        array = volume(shape)
        device = engine.upload(array)
        engine.flip(device)
        np.testing.assert_array_equal(engine.download(device), array)


def _cases(engine: Backend[Any], shape: Shape) -> Iterator[_Case]:
    a, b = volume(shape, 1), volume(shape, 2)
    yield _Case("multiply", engine.multiply, (a, b), out_may_be=(0, 1))
    yield _Case("multiply of spectra", engine.multiply, (a, b), (0, 1), gives_spectrum=True, out_may_be=(0, 1))
    yield _Case("add", engine.add, (a, b), out_may_be=(0, 1))
    yield _Case("add of a number", lambda x, **out: engine.add(x, 0.5, **out), (a,), out_may_be=(0,))
    yield _Case("divide", lambda x, y, **out: engine.divide(x, y, floor=0.1, **out), (a, b), out_may_be=(0, 1))
    yield _Case("clamp", lambda x, **out: engine.clamp(x, 0.0, **out), (a,), out_may_be=(0,))
    yield _Case("fft", engine.fft, (a,), gives_spectrum=True)
    yield _Case("ifft", lambda spectrum, **out: engine.ifft(spectrum, shape, **out), (a,), (0,))
    yield from _steps(engine, a, b)


def _steps(engine: Backend[Any], a: Volume, b: Volume) -> Iterator[_Case]:
    # one OTF for all calls: if an operation changes it, later results differ
    otf = engine.otf(engine.upload(kernel(a.shape)), a.shape)
    ratio = functools.partial(engine.ratio, background=0.2, floor=0.1)
    corrections = () if overrides(engine, "update") else (1,)
    yield _Case("convolve", lambda x, **out: engine.convolve(x, otf, **out), (a,), out_may_be=(0,))
    yield _Case("correlate", lambda x, **out: engine.correlate(x, otf, **out), (a,), out_may_be=(0,))
    yield _Case("ratio", ratio, (a, b), out_may_be=(0, 1))
    yield _Case("update", engine.update, (a, b, b[::-1]), out_may_be=(0, 1), changes=corrections)
    yield _Case(
        "update without a weight",
        lambda x, y, **out: engine.update(x, y, None, **out),
        (a, b),
        out_may_be=(0, 1),
        changes=corrections,
    )


def _same(measured: Volume, truth: Volume, what: str) -> None:
    try:
        close(measured, truth, of_maximum=THROUGH_FFT)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error
