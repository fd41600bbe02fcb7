"""Transforms and filters along the columns of a spectrum, which are read and written once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyopencl as cl

from rlcore.backend import Shape
from rlcore.transform_code.columns import Kind, Tiling, body, tiling_for, turns
from rlcore_reikna import mirrored
from rlcore_reikna.program import quiet_compiler
from rlcore_reikna.runtime import Runtime

_DIALECT = """
#define make_float2(x, y) ((float2)((x), (y)))
#define __ldg(pointer) (*(pointer))
#define __syncthreads() barrier(CLK_LOCAL_MEM_FENCE)
"""
_PLAIN = [None, None, None, np.int32, np.float32]
_PACKED = [None, None, None, np.int32, np.int32, np.int32, np.float32]
"""Arguments of the kernels."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Value k of column c in plane p is at ``(p * length + k) * count + c``."""

    length: int
    count: int
    """Columns of a plane, and how far apart their values are."""
    planes: int = 1

    @classmethod
    def along(cls, axis: int, shape: Shape) -> Columns:
        """Along an axis, not the last, of a complex array."""
        return cls(shape[axis], math.prod(shape[axis + 1 :]), math.prod(shape[:axis]))


class ColumnTransforms:
    """In-place transforms of columns on one device."""

    def __init__(self, runtime: Runtime) -> None:
        self._queue, device = runtime.queue, runtime.device
        self._limits = int(device.local_mem_size), int(device.max_work_group_size)
        self._kept: dict[tuple[int, Kind | None], tuple[Tiling, cl.Kernel]] = {}
        self._tables: dict[int, cl.Buffer] = {}

    def fit(self, length: int) -> bool:
        """Whether columns of this length can be done: no large prime factor, and room for them in local memory."""
        return self._tiling(length) is not None

    def load(self, length: int, kind: Kind | None) -> None:
        """Compile what `run`, or `run_packed` (None), needs for a length. Inside `quiet_compiler`; in any thread."""
        if (length, kind) not in self._kept:
            tiling = self._tiling(length)
            assert tiling is not None
            text = _DIALECT + (source(tiling, kind) if kind else mirrored.source(tiling))
            kernel = cl.Kernel(cl.Program(self._queue.context, text).build(), "columns")
            kernel.set_scalar_arg_dtypes(_PLAIN if kind else _PACKED)
            self._kept[length, kind] = tiling, kernel

    def run(self, spectrum: Any, columns: Columns, kind: Kind, scale: float, transfer: Any = None) -> None:
        """Transform the columns, or filter them with those of the transfer; all but "forward" is scaled."""
        tiling, kernel = self._kernel(columns.length, kind)
        groups = -(-columns.count // tiling.width)
        kernel.set_args(
            spectrum, spectrum if transfer is None else transfer, self._table(columns.length), columns.count, scale
        )
        size = (groups * tiling.threads, columns.planes)
        cl.enqueue_nd_range_kernel(self._queue, kernel, size, (tiling.threads, 1))

    def run_packed(self, spectrum: Any, transfer: Any, shape: Shape, *, correlate: bool, scale: float) -> None:
        """Filter a packed spectrum of (planes, lines, values of a line) along the first axis with a packed transfer."""
        length, lines, line = shape
        tiling, kernel = self._kernel(length, None)
        groups = -(-mirrored.pairs(lines, line) // (tiling.width // 2))
        kernel.set_args(spectrum, transfer, self._table(length), lines, line, int(correlate), scale)
        cl.enqueue_nd_range_kernel(self._queue, kernel, (groups * tiling.threads,), (tiling.threads,))

    def _tiling(self, length: int) -> Tiling | None:
        tiling = tiling_for(length, *self._limits)
        return tiling if tiling is not None and tiling.threads <= self._limits[1] else None

    def _kernel(self, length: int, kind: Kind | None) -> tuple[Tiling, cl.Kernel]:
        if (length, kind) not in self._kept:
            with quiet_compiler():
                self.load(length, kind)
        return self._kept[length, kind]

    def _table(self, length: int) -> cl.Buffer:
        if length not in self._tables:
            flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
            table = np.array(turns(length), np.complex64)
            self._tables[length] = cl.Buffer(self._queue.context, flags, hostbuf=table)
        return self._tables[length]


def source(tiling: Tiling, kind: Kind) -> str:
    """OpenCL C of the kernel `columns`."""
    tile = f"local float2 tile[{tiling.shared_bytes // 8}];" if tiling.shared_bytes else ""
    return f"""
kernel __attribute__((reqd_work_group_size({tiling.threads}, 1, 1)))
void columns(global float2* data, global const float2* transfer, global const float2* restrict turns,
             const int columns, const float scale)
{{
    {tile}
    const int c = get_local_id(0) % {tiling.width}, lane = get_local_id(0) / {tiling.width};
    const int column = get_group_id(0) * {tiling.width} + c;
    const bool inside = column < columns;
    const long stride = columns;
    data += get_group_id(1) * {tiling.length} * stride + column;
    transfer += column;
{body(tiling, kind)}
}}
"""
