"""Transforms and filters along the columns of a spectrum, each in one pass over memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyopencl as cl

from rlcore.backend import Shape
from rlcore.backend.kit.gpu_fft.columns import Tiling, body, tiling_for, turns
from rlcore_reikna import packed_column_filter as packed
from rlcore_reikna.program import quiet_compiler
from rlcore_reikna.runtime import Runtime

_DIALECT = """
#define make_float2(x, y) ((float2)((x), (y)))
#define __ldg(pointer) (*(pointer))
#define __syncthreads() barrier(CLK_LOCAL_MEM_FENCE)
"""
Kernel = Literal["transform", "filter", "packed filter"]
"""Kinds of kernels; each has an argument for its direction, so that no second one has to be compiled."""

_NVIDIA_REGISTERS = 1 << 16
"""Registers of a multiprocessor."""
_MINIMUM_REGISTERS, _MAXIMUM_REGISTERS = 56, 128
"""Registers of a work-item: a filter runs short with fewer, and has no use for more."""
_OF_512, _FILTER_OF_512 = Tiling(512, (8, 8, 8), 8, 512), Tiling(512, (16, 8, 4), 8, 512)
"""The usual tiling for columns of 512 values, and one that takes filters a sixth less time: at the product four values
are in use at once, not eight, and need fewer registers."""

_PLAIN = [None, None, None, np.int32, np.float32, np.float32]
_ARGUMENTS = {
    "transform": _PLAIN,
    "filter": _PLAIN,
    "packed filter": [None, None, None, np.int32, np.int32, np.int32, np.float32],
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a spectrum: value k of column c in plane p is at ``(p * length + k) * count + c``."""

    length: int
    count: int
    """Number of columns in a plane, and distance between the values of a column."""
    planes: int = 1

    @classmethod
    def along(cls, axis: int, shape: Shape) -> Columns:
        """Columns along an axis, not the last, of a complex array."""
        return cls(shape[axis], math.prod(shape[axis + 1 :]), math.prod(shape[:axis]))


class ColumnTransforms:
    """In-place transforms of columns on one device."""

    def __init__(self, runtime: Runtime) -> None:
        self._queue, device = runtime.queue, runtime.device
        self._limits = int(device.local_mem_size), int(device.max_work_group_size)
        self._nvidia = "cl_nv_compiler_options" in device.extensions
        self._kept: dict[tuple[int, Kernel], tuple[Tiling, cl.Kernel]] = {}
        self._tables: dict[int, cl.Buffer] = {}

    def fit(self, length: int) -> bool:
        """True if columns of this length can be transformed: no large prime factor, and room in local memory."""
        return self._tiling(length, "transform") is not None

    def load(self, length: int, name: Kernel) -> None:
        """Compile a kernel for a length. Inside `quiet_compiler`; in any thread."""
        if (length, name) not in self._kept:
            tiling = self._tiling(length, name)
            assert tiling is not None
            sized, options = self._sizes(tiling, name)
            text = packed.source(tiling, sized) if name == "packed filter" else source(tiling, name, sized)
            kernel = cl.Kernel(cl.Program(self._queue.context, _DIALECT + text).build(options), "columns")
            kernel.set_scalar_arg_dtypes(_ARGUMENTS[name])
            self._kept[length, name] = tiling, kernel

    def _sizes(self, tiling: Tiling, name: Kernel) -> tuple[str, list[str]]:
        """Size of a work-group as an attribute of the kernel, and options of the compiler.

        With more registers a filter has more reads under way, which takes a fifth to a third off its time: as many as
        let two groups share a multiprocessor, or one if that leaves too few.
        """
        if not self._nvidia or name == "transform" or tiling.halves:
            return f"__attribute__((reqd_work_group_size({tiling.threads}, 1, 1)))", []
        shares = (_NVIDIA_REGISTERS // (groups * tiling.threads) // 8 * 8 for groups in (2, 1))
        registers = min(
            next((share for share in shares if share >= _MINIMUM_REGISTERS), _MINIMUM_REGISTERS), _MAXIMUM_REGISTERS
        )
        # NVIDIA's compiler heeds this option only where the size of the group is not declared
        return "", [f"-cl-nv-maxrregcount={registers}"]

    def transform(self, spectrum: Any, columns: Columns, *, inverse: bool) -> None:
        """Transform the columns; the inverse is scaled."""
        scale, way = (1 / columns.length, -1.0) if inverse else (1.0, 1.0)
        self._run("transform", columns, spectrum, spectrum, scale, way)

    def filter(self, spectrum: Any, otf: Any, columns: Columns, *, mirrored: bool) -> None:
        """Convolve the columns with those of the OTF, or correlate them if `mirrored`."""
        self._run("filter", columns, spectrum, otf, 1 / columns.length, -1.0 if mirrored else 1.0)

    def _run(self, name: Kernel, columns: Columns, spectrum: Any, otf: Any, scale: float, way: float) -> None:
        tiling, kernel = self._kernel(columns.length, name)
        groups = -(-columns.count // tiling.width)
        kernel.set_args(spectrum, otf, self._table(columns.length), columns.count, scale, way)
        size = (groups * tiling.threads, columns.planes)
        cl.enqueue_nd_range_kernel(self._queue, kernel, size, (tiling.threads, 1))

    def filter_packed(self, spectrum: Any, otf: Any, shape: Shape, *, mirrored: bool) -> None:
        """Filter a packed spectrum of (planes, lines, values of a line) along its first axis."""
        length, lines, line = shape
        tiling, kernel = self._kernel(length, "packed filter")
        groups = packed.groups_for(tiling, lines, line)
        kernel.set_args(spectrum, otf, self._table(length), lines, line, int(mirrored), 1 / length)
        cl.enqueue_nd_range_kernel(self._queue, kernel, (groups * tiling.threads,), (tiling.threads,))

    def _tiling(self, length: int, name: Kernel) -> Tiling | None:
        tiling = (packed.tiling_for if name == "packed filter" else tiling_for)(length, *self._limits)
        if name != "transform" and tiling == _OF_512:
            tiling = _FILTER_OF_512
        return tiling if tiling is not None and tiling.threads <= self._limits[1] else None

    def _kernel(self, length: int, name: Kernel) -> tuple[Tiling, cl.Kernel]:
        if (length, name) not in self._kept:
            with quiet_compiler():
                self.load(length, name)
        return self._kept[length, name]

    def _table(self, length: int) -> cl.Buffer:
        if length not in self._tables:
            flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
            table = np.array(turns(length), np.complex64)
            self._tables[length] = cl.Buffer(self._queue.context, flags, hostbuf=table)
        return self._tables[length]


def source(tiling: Tiling, kind: Literal["transform", "filter"], sized: str) -> str:
    """OpenCL C of the kernel `columns`."""
    tile = f"local float2 tile[{tiling.shared_bytes // 8}];" if tiling.shared_bytes else ""
    return f"""
kernel {sized}
void columns(global float2* data, global const float2* transfer, global const float2* restrict turns,
             const int columns, const float scale, const float way)
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
