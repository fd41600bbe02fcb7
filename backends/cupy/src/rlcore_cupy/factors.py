"""Factors of acceleration that stay on the device: the next point is made of one before the host could have it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, SupportsFloat

import numpy as np

from rlcore.backend import Likeness
from rlcore_cupy.elementwise import kernel
from rlcore_cupy.library import cupy
from rlcore_cupy.small import room_on_device

THREADS = 256

SOURCE = """
extern "C" __global__ void factor(const int count, const double* found, const float most, float* out)
{
    __shared__ double products[THREADS], squares[THREADS];
    double product = 0.0, square = 0.0;
    for (int k = threadIdx.x; k < count; k += THREADS) { product += found[2 * k]; square += found[2 * k + 1]; }
    const int t = threadIdx.x;
    products[t] = product; squares[t] = square;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) { products[t] += products[t + half]; squares[t] += squares[t + half]; }
    }
    if (t == 0) *out = squares[0] > 0.0 ? (float)fmin(fmax(products[0] / squares[0], 0.0), (double)most) : 0.0f;
}
""".replace("THREADS", str(THREADS))


class Found:
    """Numbers on the device, which the host waits for only if it asks for them."""

    def __init__(self, numbers: Any) -> None:
        self.numbers, self._stream = numbers, cupy.cuda.get_current_stream()

    @cached_property
    def host(self) -> Any:
        """The numbers, as a NumPy array."""
        with self.numbers.device:
            return self.numbers.get(stream=self._stream)


class Sum:
    """One of several sums, of which every block of threads has found a part."""

    def __init__(self, found: Found, which: int) -> None:
        self.found, self._which = found, which

    def __float__(self) -> float:
        return float(self.found.host[:, self._which].sum())


class Factor:
    """How far a point lies ahead; its number is on the device."""

    def __init__(self, likeness: Likeness, most: float) -> None:
        assert isinstance(likeness.product, Sum)
        parts, self.number = likeness.product.found.numbers, room_on_device(1, cupy.float32)
        kernel("factor", SOURCE)((1,), (THREADS,), (np.int32(len(parts)), parts, np.float32(most), self.number))
        self._found = Found(self.number)

    def __float__(self) -> float:
        return float(self._found.host[0])


def as_taken(factor: SupportsFloat) -> tuple[Any, Any]:
    """A factor as kernels take it: its number, and where it is if that is on the device, 0 if not."""
    if isinstance(factor, Factor):
        return np.float32(0), np.uint64(factor.number.data.ptr)
    return np.float32(factor), np.uint64(0)
