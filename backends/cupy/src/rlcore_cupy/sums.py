"""Sums over all threads of a kernel that stay on the device: how alike two steps are."""

from __future__ import annotations

from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np

from rlcore.backend import InnerProducts
from rlcore_cupy.library import cupy
from rlcore_cupy.small import on_device, room_on_device

TOTAL = """
struct InnerProducts { double product, square; };
static __device__ void compare(InnerProducts& sums, const float estimate, const float point, const float previous,
                               const float before)
{
    const float older = previous - before, share = older / fmaxf(before, 1e-30f);
    sums.product += (double)(estimate - point) * share;
    sums.square += (double)older * share;
}
// What the threads of all blocks have summed: of a block first; then, in the last block to be through, of all blocks.
static __device__ void total(InnerProducts own, const int threads, InnerProducts* room, InnerProducts* found, InnerProducts* sums,
                             unsigned* through)
{
    __shared__ bool last;
    const int t = threadIdx.x;
    int most = 1;
    while (most < threads) most *= 2;
    for (int turn = 0; turn < 2; ++turn) {
        __syncthreads();
        room[t] = own;
        for (int half = most / 2; half > 0; half /= 2) {
            __syncthreads();
            if (t < half && t + half < threads) {
                room[t].product += room[t + half].product;
                room[t].square += room[t + half].square;
            }
        }
        if (turn) break;
        if (t == 0) {
            found[blockIdx.x] = room[0];
            __threadfence();
            last = atomicAdd(through, 1u) == gridDim.x - 1;
        }
        __syncthreads();
        if (!last) return;
        __threadfence();
        own.product = own.square = 0.0;
        for (int k = t; k < gridDim.x; k += threads) {
            own.product += found[k].product;
            own.square += found[k].square;
        }
    }
    if (t == 0) { *sums = room[0]; *through = 0u; }
}
"""
"""CUDA C: how alike two steps are, summed over what all threads of a kernel have seen."""


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


class Total:
    """Where a kernel of so many blocks of threads sums up, on the current device and stream."""

    def __init__(self, blocks: int) -> None:
        self._place = cupy.cuda.runtime.getDevice(), cupy.cuda.get_current_stream().ptr
        self._blocks, self._sums = blocks, Sums(room_on_device(2, cupy.float64))

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What kernels take of it."""
        return _found(*self._place, self._blocks), self._sums.numbers, _counter(*self._place)

    @property
    def inner_products(self) -> InnerProducts:
        """The sums, maybe still under way."""
        return InnerProducts(Sum(self._sums, 0), Sum(self._sums, 1))


@lru_cache(maxsize=64)
def _found(device: int, stream: int, blocks: int) -> Any:
    """Where blocks leave their sums for the last one, kernel after kernel."""
    return room_on_device((blocks, 2), cupy.float64)


@cache
def _counter(device: int, stream: int) -> Any:
    """Counts the blocks of threads that are through: a stream runs one such kernel at a time, whose last block begins
    anew."""
    return on_device(0, np.uint32)
