"""Factors of acceleration that stay on the device: the next point is made of one before the host could have it."""

from __future__ import annotations

from typing import Any, SupportsFloat

import numpy as np

from rlcore.backend import InnerProducts
from rlcore_cupy.sums import Sum

FACTOR = """
static __device__ float factor_of(const float number, const double* sums)
{
    if (!sums) return number;
    return sums[1] > 0.0 ? (float)fmin(fmax(sums[0] / sums[1], 0.0), (double)number) : 0.0f;
}
"""
"""CUDA C: a factor as kernels take it, which is a number, or the most that the quotient of two sums may be."""


class Factor:
    """How far a point lies ahead, as two sums tell."""

    def __init__(self, inner_products: InnerProducts, most: float) -> None:
        assert isinstance(inner_products.product, Sum)
        self.sums, self.most = inner_products.product.both, most

    def __float__(self) -> float:
        return InnerProducts(*self.sums.host).factor(self.most)


def as_taken(factor: SupportsFloat) -> tuple[Any, Any]:
    """A factor as kernels take it: a number, and where sums are, 0 if there are none."""
    if isinstance(factor, Factor):
        return np.float32(factor.most), np.uint64(factor.sums.numbers.data.ptr)
    return np.float32(factor), np.uint64(0)
