"""Transforms and filters of padded arrays: rows by cuFFT, columns by our own kernels or, where they cannot, cuFFT."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from rlcore.backend import Shape
from rlcore_cupy.columns import SHARED_BYTES, Kind, source, tiling_for, turns
from rlcore_cupy.elementwise import multiply
from rlcore_cupy.layout import Padded, bytes_of
from rlcore_cupy.library import cupy

KEPT = 48
"""Plans and kernels kept; a shape takes four to six, and the least recently used go first."""
BATCH_BYTES = 32 << 20
"""cuFFT works on so much at a time, because it may want several times as much again as a work area."""
WORK_BYTES = 6 * BATCH_BYTES


def scratch_of(shape: Shape) -> int:
    """Bytes of the work areas that cuFFT takes for a shape, at most."""
    return 2 * min(6 * bytes_of(shape), WORK_BYTES)


class Transforms:
    """Plans and kernels of one device, made once for each shape.

    A spectrum's first axis is the last to be transformed, so that a filter meets its transfer there.
    """

    def __init__(self, shared_bytes: int) -> None:
        self._shared = min(shared_bytes, SHARED_BYTES)
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._area: Any = None
        self._stream: Any = None
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all plans, and with them their work area."""
        self._kept.clear()
        self._area = None

    def forward(self, array: Padded, out: Padded) -> None:
        """The spectrum of `array`, in `out`."""
        self._to_rows(array, out)
        self._planes(out, "forward", 1.0)
        self._first_axis(out, "forward", None, 1.0)
        out.state = "spectrum"

    def backward(self, array: Padded) -> None:
        """The real array of a spectrum, in place; its rows are left for whoever reads them."""
        self._first_axis(array, "backward", None, 1.0 / math.prod(array.shape))
        self._planes(array, "backward", 1.0)
        array.state = "rows"

    def filter(self, array: Padded, transfer: Padded, out: Padded, kind: Kind) -> None:
        """The array convolved or correlated with what the transfer is the spectrum of; its rows are left as above."""
        self._to_rows(array, out)
        self._planes(out, "forward", 1.0)
        self._first_axis(out, kind, transfer, 1.0 / math.prod(out.shape))
        self._planes(out, "backward", 1.0)
        out.state = "rows"

    def settle(self, array: Padded) -> Padded:
        """Transform rows that are still spectra, in place."""
        if array.state == "rows":
            self._rows(array, array, "backward")
            array.state = "real"
        return array

    # --- rows

    def _to_rows(self, array: Padded, out: Padded) -> None:
        if array.state == "rows":
            if out is not array:
                out.buffer[...] = array.buffer
        else:
            self._rows(array, out, "forward")
        out.state = "rows"

    def _rows(self, array: Padded, out: Padded, direction: str) -> None:
        n, rows = array.shape[-1], array.rows
        size = max(1, BATCH_BYTES // (4 * out.line)) if tiling_for(n) is None else max(1, (1 << 30) // out.line)
        for first in range(0, rows, size):
            batch = min(size, rows - first)
            plan = self._keep((direction, n, array.line, batch), lambda: _rows_plan(array, out, direction, batch))  # noqa: B023 - called at once
            self._run(plan, array.buffer[first * array.line :], out.buffer[first * out.line :], 0)

    # --- columns

    def _planes(self, array: Padded, kind: Kind, scale: float) -> None:
        """The middle axis, in place: columns of each plane."""
        if len(array.shape) == 2:
            return
        nz, ny = array.shape[:2]
        stride = array.line // 2
        self._columns(array, ny, array.columns, stride, nz, ny * stride, kind, None, scale)

    def _first_axis(self, array: Padded, kind: Kind, transfer: Padded | None, scale: float) -> None:
        stride = array.buffer.size // 2 // array.shape[0]
        self._columns(array, array.shape[0], stride, stride, 1, 0, kind, transfer, scale)

    def _columns(
        self,
        array: Padded,
        length: int,
        columns: int,
        stride: int,
        planes: int,
        apart: int,
        kind: Kind,
        transfer: Padded | None,
        scale: float,
    ) -> None:
        """Transform, or filter, columns of so many values, `stride` complex numbers apart, in planes so far apart."""
        tiling = tiling_for(length, self._shared)
        if tiling is None:
            self._columns_by_cufft(array, length, columns, stride, planes, apart, kind, transfer, scale)
            return
        kernel, table = self._keep(("columns", length, kind), lambda: _kernel(length, kind, self._shared))
        factor = array.buffer if transfer is None else transfer.buffer
        numbers = (np.int32(columns), np.int64(stride), np.int64(apart), np.float32(scale))
        for first in range(0, planes, 65535):
            part = array.buffer[2 * first * apart :]
            grid = (math.ceil(columns / tiling.width), min(planes - first, 65535))
            kernel(grid, (tiling.threads,), (part, factor, table, *numbers), shared_mem=tiling.shared_bytes)

    def _columns_by_cufft(
        self,
        array: Padded,
        length: int,
        columns: int,
        stride: int,
        planes: int,
        apart: int,
        kind: Kind,
        transfer: Padded | None,
        scale: float,
    ) -> None:
        if length > 1 and kind != "backward":
            self._strided(array, length, columns, stride, planes, apart, -1)
        if transfer is not None:
            multiply(array, transfer, conjugate=kind == "correlate", scale=scale)
        elif scale != 1.0:
            array.buffer *= np.float32(scale)
        if length > 1 and kind != "forward":
            self._strided(array, length, columns, stride, planes, apart, +1)

    def _strided(
        self, array: Padded, length: int, columns: int, stride: int, planes: int, apart: int, sign: int
    ) -> None:
        """Columns by cuFFT, in place, a batch at a time."""
        size = max(1, BATCH_BYTES // (8 * length))
        for plane, first in _grid(planes, range(0, columns, size)):
            batch = min(size, columns - first)
            plan = self._keep(("strided", length, stride, batch), lambda: _strided_plan(length, stride, batch))  # noqa: B023 - called at once
            part = array.buffer[2 * (plane * apart + first) :]
            self._run(plan, part, part, sign)

    def _run(self, plan: Any, source: Any, target: Any, sign: int) -> None:
        """Run a plan of cuFFT's on the current stream, after what another stream has begun in the same work area."""
        with self._lock:
            stream = cupy.cuda.get_current_stream()
            if self._stream is not None and self._stream != stream:
                stream.wait_event(self._stream.record())
            self._stream = stream
            plan.fft(source, target, sign)

    def _keep(self, key: Hashable, make: Any) -> Any:
        with self._lock:
            if key not in self._kept:
                with cupy.cuda.using_allocator(self._work_area):
                    made = make()
                self._kept[key] = made
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _work_area(self, size: int) -> Any:
        """Memory for a plan of cuFFT's: all share one area, since they run one after the other."""
        if self._area is None or self._area.mem.size < size:
            self.clear()
            self._area = cupy.get_default_memory_pool().malloc(size)
        return self._area


def _grid(planes: int, firsts: range) -> Iterator[tuple[int, int]]:
    return ((plane, first) for plane in range(planes) for first in firsts)


def _kernel(length: int, kind: Kind, shared: int) -> tuple[Any, Any]:
    """The kernel for columns of a length, and its table."""
    tiling = tiling_for(length, shared)
    assert tiling is not None
    kernel = cupy.RawKernel(source(tiling, kind), "columns")
    if tiling.shared_bytes > 48 << 10:
        kernel.max_dynamic_shared_size_bytes = tiling.shared_bytes
    table = np.array(turns(length), np.complex64)
    with cupy.cuda.using_allocator(cupy.get_default_memory_pool().malloc):
        return kernel, cupy.asarray(table)


def _rows_plan(array: Padded, out: Padded, direction: str, batch: int) -> Any:
    """A cuFFT plan for rows, which works in the caller's buffers."""
    n, cufft = array.shape[-1], cupy.cuda.cufft
    if direction == "forward":
        half = out.line // 2
        layout = ((array.line,), 1, array.line, (half,), 1, half, cufft.CUFFT_R2C)
    else:
        half = array.line // 2
        layout = ((half,), 1, half, (out.line,), 1, out.line, cufft.CUFFT_C2R)
    return cufft.PlanNd((n,), *layout, batch, "C", 0, n)


def _strided_plan(length: int, stride: int, batch: int) -> Any:
    cufft = cupy.cuda.cufft
    layout = ((length,), stride, 1)
    return cufft.PlanNd((length,), *layout, *layout, cufft.CUFFT_C2C, batch, "C", 0, None)
