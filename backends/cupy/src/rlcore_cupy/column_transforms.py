"""Transforms and filters along columns: by our own kernels or, where they cannot, by cuFFT."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from rlcore.backend import Shape
from rlcore.backend.kit.gpu_fft.columns import SHARED_BYTES, Kind, tiling_for, turns
from rlcore_cupy.columns import source
from rlcore_cupy.elementwise import multiply
from rlcore_cupy.kept import BATCH_BYTES, Kept
from rlcore_cupy.layout import Padded
from rlcore_cupy.library import cupy
from rlcore_cupy.small import on_device

_MOST_PLANES = 65535


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
        """Along the middle axis."""
        return _of_planes(array.shape, array.line)

    @classmethod
    def through_planes(cls, array: Padded) -> Columns:
        """Along the first axis."""
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
    """What kernels take of columns."""
    return np.int32(columns.count), np.int64(columns.stride), np.int64(columns.apart), np.float32(scale)


class ColumnTransforms:
    """Work in place on the columns of arrays."""

    def __init__(self, kept: Kept, shared_bytes: int) -> None:
        self._kept, self._shared = kept, min(shared_bytes, SHARED_BYTES)

    def load(self, length: int, kind: Kind) -> None:
        """Have a kernel compiled beside what goes on."""
        if tiling_for(length, self._shared) is not None:
            self._kept.make_ahead(*self._wanted(length, kind))

    def run(
        self, array: Padded, columns: Columns, kind: Kind, *, transfer: Padded | None = None, scale: float = 1.0
    ) -> None:
        """Transform the columns, or filter them with the transfer; all but "forward" scales the result."""
        if tiling_for(columns.length, self._shared) is None:
            self._by_cufft(array, columns, kind, transfer, scale)
            return
        tiling, kernel, table = self._kept.get(*self._wanted(columns.length, kind))
        factor = array.buffer if transfer is None else transfer.buffer
        numbers = _numbers(columns, scale)
        for first in range(0, columns.planes, _MOST_PLANES):
            part = array.buffer[2 * first * columns.apart :] if first else array.buffer
            grid = (math.ceil(columns.count / tiling.width), min(columns.planes - first, _MOST_PLANES))
            kernel(grid, (tiling.threads,), (part, factor, table, *numbers), shared_mem=tiling.shared_bytes)

    def _wanted(self, length: int, kind: Kind) -> tuple[Hashable, Callable[[], tuple[Any, Any, Any]]]:
        """A kernel for columns of a length: under which key it is kept, and how it is made."""
        return ("columns", length, kind), lambda: _kernel(length, kind, self._shared)

    def _by_cufft(self, array: Padded, columns: Columns, kind: Kind, transfer: Padded | None, scale: float) -> None:
        if kind != "backward":
            self._transform(array, columns, -1)
        if transfer is not None:
            multiply(array, transfer, conjugate=kind == "correlate", scale=scale)
        elif scale != 1.0:
            cupy.multiply(array.buffer, np.float32(scale), out=array.buffer)
        if kind != "forward":
            self._transform(array, columns, +1)

    def _transform(self, array: Padded, columns: Columns, sign: int) -> None:
        """Columns by cuFFT, a batch at a time."""
        if columns.length == 1:
            return
        size = max(1, BATCH_BYTES // (8 * columns.length))
        for plane in range(columns.planes):
            for first in range(0, columns.count, size):
                plan = self._plan(columns, min(size, columns.count - first))
                part = array.buffer[2 * (plane * columns.apart + first) :]
                self._kept.run(plan, part, part, sign)

    def _plan(self, columns: Columns, batch: int) -> Any:
        layout = ((columns.length,), columns.stride, 1)
        return self._kept.get(
            ("strided", *layout, batch),
            lambda: self._kept.plan(
                (columns.length,), *layout, *layout, cupy.cuda.cufft.CUFFT_C2C, batch, "C", 0, None
            ),
        )


def _kernel(length: int, kind: Kind, shared: int) -> tuple[Any, Any, Any]:
    """The tiling for columns of a length, its kernel and its table."""
    tiling = tiling_for(length, shared)
    assert tiling is not None
    kernel = cupy.RawKernel(source(tiling, kind), "columns")
    kernel.compile()
    if tiling.shared_bytes > 48 << 10:
        kernel.max_dynamic_shared_size_bytes = tiling.shared_bytes
    return tiling, kernel, on_device(turns(length), np.complex64)
