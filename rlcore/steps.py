"""The four steps of an iteration: as a backend fuses them, or composed of its basic operations."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Generic, Protocol

import numpy as np
import numpy.typing as npt

from rlcore.acceleration import Predict, prediction_of
from rlcore.backend import A, Backend, Shape, SupportsExpansion, SupportsFusion, Volume, real_dtype
from rlcore.blocks import Box
from rlcore.boundary import WeightTable


class Steps(Protocol[A]):
    """The four steps of an iteration, and what they need beforehand, on blocks of one shape."""

    def transfer(self, kernel: A) -> Any: ...
    def weight(self, weight: WeightTable | None) -> Any: ...
    def inside(self, image: Box | None) -> Any: ...
    def convolve(self, array: A, transfer: Any, *, out: A | None = None) -> A: ...
    def correlate(self, array: A, transfer: Any, *, out: A | None = None) -> A: ...
    def ratio(
        self, image: A, blurred: A, *, background: float, floor: float, inside: Any, out: A | None = None
    ) -> A: ...
    def update(self, estimate: A, correction: A, weight: Any, *, out: A | None = None) -> A: ...

    @property
    def predict(self) -> Predict: ...


def steps_for(backend: Backend[A], shape: Shape) -> Steps[A]:
    """The backend's own fused steps, or the same steps composed of its basic operations."""
    return Fused(backend, shape) if isinstance(backend, SupportsFusion) else Composed(backend, shape)


class Fused(Generic[A]):
    """The steps as the backend itself fuses them."""

    def __init__(self, backend: Any, shape: Shape) -> None:
        self._backend = backend
        self._shape = shape
        self.convolve, self.correlate = backend.convolve, backend.correlate
        self.ratio, self.update = backend.ratio, backend.update

    @cached_property
    def predict(self) -> Predict:
        return prediction_of(self._backend, self._shape)

    def transfer(self, kernel: A) -> Any:
        return self._backend.fft(kernel)

    def weight(self, weight: WeightTable | None) -> Any:
        return None if weight is None else _expand(self._backend, weight.values, weight.index)

    def inside(self, image: Box | None) -> Box | None:
        return image


class Composed(Generic[A]):
    """The steps out of the basic operations, for backends that have no fused ones."""

    def __init__(self, backend: Backend[A], shape: Shape) -> None:
        self._backend = backend
        self._shape = shape

    def transfer(self, kernel: A) -> tuple[A, A]:
        """Spectra of the PSF and of its mirror image about voxel 0, by which to correlate."""
        return self._backend.fft(kernel), self._backend.fft(self._backend.flip(kernel))

    def weight(self, weight: WeightTable | None) -> A | None:
        return None if weight is None else _expand(self._backend, weight.values, weight.index)

    def inside(self, image: Box | None) -> A | None:
        """1 on the image and 0 outside it; None where it is everywhere."""
        if image is None:
            return None
        ends = zip(image.start, image.stop, self._shape, strict=True)
        index = tuple(((np.arange(n) >= a) & (np.arange(n) < b)).astype(np.intp) for a, b, n in ends)
        corner: Volume = np.zeros((2,) * len(self._shape))
        corner[(1,) * len(self._shape)] = 1.0
        return _expand(self._backend, corner, index)

    def convolve(self, array: A, transfer: tuple[A, A], *, out: A | None = None) -> A:
        return self._filter(array, transfer[0], out)

    def correlate(self, array: A, transfer: tuple[A, A], *, out: A | None = None) -> A:
        return self._filter(array, transfer[1], out)

    def ratio(
        self, image: A, blurred: A, *, background: float, floor: float, inside: A | None, out: A | None = None
    ) -> A:
        if background:
            blurred = self._backend.add(blurred, background, out=None if out is image else out)
        ratio = self._backend.divide(image, blurred, floor=floor, out=out)
        ratio = self._backend.add(ratio, -1.0, out=ratio)
        return ratio if inside is None else self._backend.multiply(ratio, inside, out=ratio)

    def update(self, estimate: A, correction: A, weight: A | None, *, out: A | None = None) -> A:
        factor = correction
        if weight is not None:
            factor = self._backend.multiply(factor, weight, out=factor)
        factor = self._backend.add(factor, 1.0, out=factor)
        factor = self._backend.clamp(factor, 0.0, out=factor)
        return self._backend.multiply(estimate, factor, out=out)

    @cached_property
    def predict(self) -> Predict:
        return prediction_of(self._backend, self._shape)

    def _filter(self, array: A, transfer: A, out: A | None) -> A:
        product = self._backend.fft(array)
        product = self._backend.multiply(product, transfer, out=product)
        return self._backend.ifft(product, self._shape, out=out)


def _expand(backend: Backend[A], table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> A:
    if isinstance(backend, SupportsExpansion):
        expanded: A = backend.expand(table, index)
        return expanded
    return backend.upload(table.astype(real_dtype(backend))[np.ix_(*index)])
