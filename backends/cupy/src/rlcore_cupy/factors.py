"""Factors of acceleration that stay on the device: the next point is made of one before the host could have it."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any, SupportsFloat

import numpy as np

from rlcore.backend import Likeness
from rlcore_cupy.library import cupy
from rlcore_cupy.small import on_device

FACTOR = """
static __device__ float factor_of(const float number, const double* sums)
{
    if (!sums) return number;
    return sums[1] > 0.0 ? (float)fmin(fmax(sums[0] / sums[1], 0.0), (double)number) : 0.0f;
}
"""
"""CUDA C: a factor as kernels take it, which is a number, or the most that the quotient of two sums may be."""


class Sums:
    """Two sums on the device, which the host waits for only if it asks for them."""

    def __init__(self, numbers: Any) -> None:
        self.numbers, self._stream = numbers, cupy.cuda.get_current_stream()

    @cached_property
    def host(self) -> tuple[float, float]:
        with self.numbers.device:
            product, square = self.numbers.get(stream=self._stream)
            return float(product), float(square)


class Sum:
    """One of them."""

    def __init__(self, both: Sums, which: int) -> None:
        self.both, self._which = both, which

    def __float__(self) -> float:
        return self.both.host[self._which]


class Factor:
    """How far a point lies ahead, as two sums tell."""

    def __init__(self, likeness: Likeness, most: float) -> None:
        assert isinstance(likeness.product, Sum)
        self.sums, self.most = likeness.product.both, most

    def __float__(self) -> float:
        return Likeness(*self.sums.host).factor(self.most)


def as_taken(factor: SupportsFloat) -> tuple[Any, Any]:
    """A factor as kernels take it: a number, and where sums are, 0 if there are none."""
    if isinstance(factor, Factor):
        return np.float32(factor.most), np.uint64(factor.sums.numbers.data.ptr)
    return np.float32(factor), np.uint64(0)


@cache
def counter(device: int, stream: int) -> Any:
    """Counts the blocks of threads that are through: a stream runs one such kernel at a time, whose last block begins
    anew."""
    return on_device(0, np.uint32)
