"""Transforms and filters along columns: by our own kernels or, where they cannot, by cuFFT."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from rlcore.backend import Shape
from rlcore.backend.kit.gpu_fft.columns import SHARED_BYTES, Kind, Tiling, body, tiling_for, turns
from rlcore_cupy.arrays import Padded
from rlcore_cupy.elementwise import multiply
from rlcore_cupy.kernel_cache import BATCH_BYTES, KernelCache, small_array
from rlcore_cupy.library import cupy

_MAXIMUM_PLANES = 65535
"""Largest number of blocks along the second axis of a grid."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of an array's spectrum: value k of column c in plane p is at ``p * apart + k * stride + c``."""

    length: int
    count: int
    """Columns of a plane."""
    stride: int
    planes: int
    apart: int

    @classmethod
    def of_planes(cls, array: Padded) -> Columns:
        """The columns along the middle axis."""
        return _of_planes(array.shape, array.line)

    @classmethod
    def through_planes(cls, array: Padded) -> Columns:
        """The columns along the first axis."""
        return _through_planes(array.shape, array.line)


@lru_cache(maxsize=256)
def _of_planes(shape: Shape, line: int) -> Columns:
    planes, length, n = shape
    return Columns(length, n // 2 + 1, line // 2, planes, length * (line // 2))


@lru_cache(maxsize=256)
def _through_planes(shape: Shape, line: int) -> Columns:
    stride = math.prod(shape[1:-1]) * line // 2
    return Columns(shape[0], stride, stride, 1, 0)


@lru_cache(maxsize=1024)
def _numbers(columns: Columns, scale: float) -> tuple[Any, ...]:
    """Kernel arguments of columns."""
    return np.int32(columns.count), np.int64(columns.stride), np.int64(columns.apart), np.float32(scale)


class ColumnTransforms:
    """Transforms of the columns of arrays, in place."""

    def __init__(self, cache: KernelCache, shared_bytes: int) -> None:
        self._cache, self._shared = cache, min(shared_bytes, SHARED_BYTES)

    def compile_ahead(self, length: int, kind: Kind) -> None:
        """Have a kernel compiled by another thread."""
        if tiling_for(length, self._shared) is not None:
            self._cache.make_ahead(*self._recipe(length, kind))

    def run(
        self, array: Padded, columns: Columns, kind: Kind, *, otf: Padded | None = None, scale: float = 1.0
    ) -> None:
        """Transform the columns, or filter them with the OTF; all but "forward" scales the result."""
        if tiling_for(columns.length, self._shared) is None:
            self._by_cufft(array, columns, kind, otf, scale)
            return
        tiling, kernel, table = self._cache.get(*self._recipe(columns.length, kind))
        factor = array.buffer if otf is None else otf.buffer
        numbers = _numbers(columns, scale)
        for first in range(0, columns.planes, _MAXIMUM_PLANES):
            part = array.buffer[2 * first * columns.apart :] if first else array.buffer
            grid = (math.ceil(columns.count / tiling.width), min(columns.planes - first, _MAXIMUM_PLANES))
            kernel(grid, (tiling.threads,), (part, factor, table, *numbers), shared_mem=tiling.shared_bytes)

    def _recipe(self, length: int, kind: Kind) -> tuple[Hashable, Callable[[], tuple[Any, Any, Any]]]:
        """The key under which a kernel for columns of a length is cached, and the function that makes it."""
        return ("columns", length, kind), lambda: _kernel(length, kind, self._shared)

    def _by_cufft(self, array: Padded, columns: Columns, kind: Kind, otf: Padded | None, scale: float) -> None:
        if kind != "backward":
            self._transform(array, columns, -1)
        if otf is not None:
            multiply(array, otf, conjugate=kind == "correlate", scale=scale)
        elif scale != 1.0:
            cupy.multiply(array.buffer, np.float32(scale), out=array.buffer)
        if kind != "forward":
            self._transform(array, columns, +1)

    def _transform(self, array: Padded, columns: Columns, sign: int) -> None:
        """Transform columns by cuFFT, a batch at a time."""
        if columns.length == 1:
            return
        size = max(1, BATCH_BYTES // (8 * columns.length))
        for plane in range(columns.planes):
            for first in range(0, columns.count, size):
                plan = self._plan(columns, min(size, columns.count - first))
                part = array.buffer[2 * (plane * columns.apart + first) :]
                self._cache.run(plan, part, part, sign)

    def _plan(self, columns: Columns, batch: int) -> Any:
        layout = ((columns.length,), columns.stride, 1)
        return self._cache.get(
            ("strided", *layout, batch),
            lambda: self._cache.plan(
                (columns.length,), *layout, *layout, cupy.cuda.cufft.CUFFT_C2C, batch, "C", 0, None
            ),
        )


def _kernel(length: int, kind: Kind, shared: int) -> tuple[Any, Any, Any]:
    """The tiling for columns of a length, its kernel and its table."""
    tiling = tiling_for(length, shared)
    assert tiling is not None
    kernel = cupy.RawKernel(column_source(tiling, kind), "columns")
    kernel.compile()
    # more than this has to be asked for
    if tiling.shared_bytes > 48 << 10:
        kernel.max_dynamic_shared_size_bytes = tiling.shared_bytes
    return tiling, kernel, small_array(turns(length), np.complex64)


def column_source(tiling: Tiling, kind: Kind) -> str:
    """CUDA C of the kernel `columns`, which works in place.

    Value k of column c of plane p is ``data[p * plane + k * stride + c]``; blocks along y are planes. The kit's
    statements call the OTF `transfer`.
    """
    return f"""
extern "C" __global__ void __launch_bounds__({tiling.threads})
columns(float2* __restrict__ data, const float2* __restrict__ transfer, const float2* __restrict__ turns,
        const int columns, const long long stride, const long long plane, const float scale)
{{
    extern __shared__ float2 tile[];
    const int c = threadIdx.x % {tiling.width}, lane = threadIdx.x / {tiling.width};
    const int column = blockIdx.x * {tiling.width} + c;
    const bool inside = column < columns;
    data += blockIdx.y * plane + column;
    transfer += column;
{body(tiling, kind)}
}}
"""
