"""Where results go: into `out` when it is given, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend, Shape, SupportsFusion, Volume
from rlcore.testing.conformance.cases import THROUGH_FFT, close, garbage, kernel, over_shapes, volume


@dataclass(frozen=True, slots=True)
class _Case:
    """An operation, the host arrays that go into it, and which of its inputs `out` may be."""

    name: str
    operation: Callable[..., Any]
    inputs: tuple[Volume, ...]
    spectra: tuple[int, ...] = ()
    """Which inputs are given as their spectra."""
    gives_spectrum: bool = False
    out_may_be: tuple[int, ...] = ()

    def arrays(self, backend: Backend[Any]) -> list[Any]:
        arrays = [backend.upload(array) for array in self.inputs]
        return [backend.fft(array) if i in self.spectra else array for i, array in enumerate(arrays)]

    def voxels(self, backend: Backend[Any], array: Any, *, spectrum: bool) -> Volume:
        return backend.download(backend.ifft(array, self.inputs[0].shape) if spectrum else array)


class Outputs:
    """`out`, and the inputs that stay what they were."""

    @over_shapes
    def test_inputs_are_untouched(self, backend: Backend[Any], shape: Shape) -> None:
        """An operation changed an array that it was given to read; a library that destroys its input needs a copy."""
        for case in _cases(backend, shape):
            arrays = case.arrays(backend)
            before = [case.voxels(backend, array, spectrum=i in case.spectra) for i, array in enumerate(arrays)]
            case.operation(*arrays)
            for i, (array, kept) in enumerate(zip(arrays, before, strict=True)):
                after = case.voxels(backend, array, spectrum=i in case.spectra)
                np.testing.assert_array_equal(after, kept, f"{case.name} changed its input {i}")

    @over_shapes
    def test_out_is_filled_and_returned(self, backend: Backend[Any], shape: Shape) -> None:
        """An operation left `out` as it was, or returned another array; the algorithm reads `out` afterwards."""
        for case in _cases(backend, shape):
            truth = case.voxels(backend, case.operation(*case.arrays(backend)), spectrum=case.gives_spectrum)
            out = backend.fft(backend.upload(np.zeros(shape))) if case.gives_spectrum else garbage(backend, shape)
            returned = case.operation(*case.arrays(backend), out=out)
            assert returned is out, f"{case.name} did not return out"
            _same(case.voxels(backend, out, spectrum=case.gives_spectrum), truth, f"{case.name} into out")

    @over_shapes
    def test_out_may_be_an_input(self, backend: Backend[Any], shape: Shape) -> None:
        """An operation went wrong where `out` is one of its inputs: it wrote voxels that it had yet to read."""
        for case in _cases(backend, shape):
            truth = case.voxels(backend, case.operation(*case.arrays(backend)), spectrum=case.gives_spectrum)
            for place in case.out_may_be:
                arrays = case.arrays(backend)
                case.operation(*arrays, out=arrays[place])
                result = case.voxels(backend, arrays[place], spectrum=case.gives_spectrum)
                _same(result, truth, f"{case.name} into its own input {place}")

    @over_shapes
    def test_flip_leaves_its_input(self, backend: Backend[Any], shape: Shape) -> None:
        """`flip` changed the array that it was given; it has no `out`, so it always makes an array."""
        array = volume(shape)
        device = backend.upload(array)
        backend.flip(device)
        np.testing.assert_array_equal(backend.download(device), array)


def _cases(backend: Any, shape: Shape) -> Iterator[_Case]:
    a, b, psf = volume(shape, 1), volume(shape, 2), kernel(shape)
    yield _Case("multiply", backend.multiply, (a, b), out_may_be=(0, 1))
    yield _Case("multiply of spectra", backend.multiply, (a, psf), (0, 1), gives_spectrum=True, out_may_be=(0, 1))
    yield _Case("add", backend.add, (a, b), out_may_be=(0, 1))
    yield _Case("add of a number", lambda x, **out: backend.add(x, 0.5, **out), (a,), out_may_be=(0,))
    yield _Case("divide", lambda x, y, **out: backend.divide(x, y, floor=0.1, **out), (a, b), out_may_be=(0, 1))
    yield _Case("clamp", lambda x, **out: backend.clamp(x, 0.0, **out), (a,), out_may_be=(0,))
    yield _Case("fft", backend.fft, (a,), gives_spectrum=True)
    yield _Case("ifft", lambda spectrum, **out: backend.ifft(spectrum, shape, **out), (a,), (0,))
    if isinstance(backend, SupportsFusion):
        yield from _fused(backend, a, b, psf)


def _fused(backend: SupportsFusion[Any], a: Volume, b: Volume, psf: Volume) -> Iterator[_Case]:
    def ratio(image: Any, blurred: Any, **out: Any) -> Any:
        return backend.ratio(image, blurred, background=0.2, floor=0.1, **out)

    yield _Case("convolve", backend.convolve, (a, psf), (1,), out_may_be=(0,))
    yield _Case("correlate", backend.correlate, (a, psf), (1,), out_may_be=(0,))
    yield _Case("ratio", ratio, (a, b), out_may_be=(0, 1))
    yield _Case("update", backend.update, (a, b, b[::-1]), out_may_be=(0, 1))
    yield _Case(
        "update without a weight", lambda x, y, **out: backend.update(x, y, None, **out), (a, b), (), False, (0, 1)
    )


def _same(measured: Volume, truth: Volume, what: str) -> None:
    try:
        close(measured, truth, of_maximum=THROUGH_FFT)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error
