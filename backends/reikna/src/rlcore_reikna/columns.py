"""Transforms and filters along the first axis of half spectra, whose columns are read and written once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyopencl as cl

from rlcore.transform_code.columns import Kind, Tiling, body, tiling_for, turns
from rlcore_reikna.program import quiet_compiler
from rlcore_reikna.runtime import Runtime

_DIALECT = """
#define make_float2(x, y) ((float2)((x), (y)))
#define __ldg(pointer) (*(pointer))
#define __syncthreads() barrier(CLK_LOCAL_MEM_FENCE)
"""


class ColumnTransforms:
    """In-place transforms of columns as far apart as there are columns, on one device."""

    def __init__(self, runtime: Runtime) -> None:
        self._queue, device = runtime.queue, runtime.device
        self._limits = int(device.local_mem_size), int(device.max_work_group_size)
        self._kept: dict[tuple[int, Kind], tuple[Tiling, cl.Kernel, cl.Buffer]] = {}

    def fit(self, length: int) -> bool:
        """Whether columns of this length can be done: no large prime factor, and room for them in local memory."""
        return self._tiling(length) is not None

    def run(self, spectrum: Any, length: int, count: int, kind: Kind, scale: float, transfer: Any = None) -> None:
        """Transform `count` columns, or filter them with those of the transfer; all but "forward" is scaled."""
        tiling, kernel, table = self._kernel(length, kind)
        groups = -(-count // tiling.width)
        kernel.set_args(spectrum, spectrum if transfer is None else transfer, table, count, scale)
        cl.enqueue_nd_range_kernel(self._queue, kernel, (groups * tiling.threads,), (tiling.threads,))

    def _tiling(self, length: int) -> Tiling | None:
        tiling = tiling_for(length, *self._limits)
        return tiling if tiling is not None and tiling.threads <= self._limits[1] else None

    def _kernel(self, length: int, kind: Kind) -> tuple[Tiling, cl.Kernel, cl.Buffer]:
        if (length, kind) not in self._kept:
            tiling = self._tiling(length)
            assert tiling is not None
            with quiet_compiler():
                kernel = cl.Kernel(cl.Program(self._queue.context, source(tiling, kind)).build(), "columns")
            kernel.set_scalar_arg_dtypes([None, None, None, np.int32, np.float32])
            flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
            table = cl.Buffer(self._queue.context, flags, hostbuf=np.array(turns(length), np.complex64))
            self._kept[length, kind] = tiling, kernel, table
        return self._kept[length, kind]


def source(tiling: Tiling, kind: Kind) -> str:
    """OpenCL C of the kernel `columns`: value k of column c is ``data[k * columns + c]``."""
    tile = f"local float2 tile[{tiling.shared_bytes // 8}];" if tiling.shared_bytes else ""
    return f"""{_DIALECT}
kernel __attribute__((reqd_work_group_size({tiling.threads}, 1, 1)))
void columns(global float2* data, global const float2* transfer, global const float2* restrict turns,
             const int columns, const float scale)
{{
    {tile}
    const int c = get_local_id(0) % {tiling.width}, lane = get_local_id(0) / {tiling.width};
    const int column = get_group_id(0) * {tiling.width} + c;
    const bool inside = column < columns;
    const long stride = columns;
    data += column;
    transfer += column;
{body(tiling, kind)}
}}
"""
