"""Transforms of rows, with an elementwise step where one waits: by our own kernels or, where they cannot, by cuFFT."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from rlcore.backend.kit.gpu_fft.columns import turns
from rlcore_cupy.elementwise import Spread
from rlcore_cupy.kept import BATCH_BYTES, Kept
from rlcore_cupy.layout import Padded
from rlcore_cupy.library import cupy
from rlcore_cupy.row_steps import KEPT, Form, Step
from rlcore_cupy.row_tilings import RowTiling, quick_tiling_for, row_tiling_for
from rlcore_cupy.rows import row_source
from rlcore_cupy.small import on_device


class RowTransforms:
    """From voxels to half spectra of rows and back."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def can_step(self, *arrays: Padded | Spread) -> bool:
        """Whether our own kernels take rows of these arrays, so that a step can be joined to their transform."""
        for array in arrays:
            if isinstance(array, Padded) and not array.aligned:
                return False
        return row_tiling_for(arrays[0].shape[-1]) is not None

    def load(self, n: int, origin: Form, step: Step, target: Form) -> None:
        """Have a kernel for rows of n voxels compiled beside what goes on."""
        if row_tiling_for(n) is not None:
            self._kept.make_ahead(*_wanted(n, origin, step, target))

    def forward(self, array: Padded, out: Padded) -> None:
        """Half spectra of an array's rows."""
        if self.can_step(array, out):
            self.step(array, "reals", "none", out, "halves")
        else:
            self._by_cufft(array, out, forward=True)

    def backward(self, array: Padded) -> None:
        """Voxels, in place, n times too large."""
        if self.can_step(array):
            self.step(array, "halves", "none", array, "reals")
        else:
            self._by_cufft(array, array, forward=False)

    def step(self, array: Padded, origin: Form, step: Step, out: Padded, target: Form, *also: Any) -> None:
        """Take the rows of `array` through a step to `out`; `also` is what the step's kernel takes."""
        tiling, kernel, *tables = self._kept.get(*_wanted(array.shape[-1], origin, step, target))
        source = array if array.part is None else array.part.source
        places = (source.buffer, np.int64(source.line), out.buffer, np.int64(out.line), np.int32(array.rows))
        kernel((blocks_of(array, step),), (tiling.threads,), (*places, *tables, *also), shared_mem=tiling.shared_bytes)

    def _by_cufft(self, array: Padded, out: Padded, *, forward: bool) -> None:
        size = max(1, BATCH_BYTES // (4 * out.line))
        for first in range(0, array.rows, size):
            plan = self._plan(array.shape[-1], array.line, out.line, min(size, array.rows - first), forward=forward)
            self._kept.run(plan, array.buffer[first * array.line :], out.buffer[first * out.line :], 0)

    def _plan(self, n: int, source: int, target: int, batch: int, *, forward: bool) -> Any:
        half = target // 2 if forward else source // 2
        if forward:
            layout = ((source,), 1, source, (half,), 1, half, cupy.cuda.cufft.CUFFT_R2C)
        else:
            layout = ((half,), 1, half, (target,), 1, target, cupy.cuda.cufft.CUFFT_C2R)
        return self._kept.get((n, *layout, batch), lambda: self._kept.plan((n,), *layout, batch, "C", 0, n))


def place_of(array: Padded) -> tuple[Any, Any]:
    """An array as kernels of rows take it: where it is, and the spacing of its rows."""
    return array.buffer, np.int64(array.line)


def blocks_of(array: Padded, step: Step) -> int:
    """How many blocks of threads take an array's rows through a step."""
    return math.ceil(array.rows / _tiling(array.shape[-1], step).rows)


def _tiling(n: int, step: Step) -> RowTiling:
    tiling = quick_tiling_for(n) if step.endswith(KEPT) else row_tiling_for(n)
    assert tiling is not None
    return tiling


def planes_of(array: Padded) -> tuple[Any, Any, Any]:
    """Where an array's planes are, as kernels that go through planes take it: rows of one, the first, the spacing."""
    high, part = math.prod(array.shape[1:-1]), array.part
    plane = high * array.line
    first, step = (0, 1) if part is None else (part.first, part.step)
    return np.int32(high), np.int64(first * plane), np.int64(step * plane)


def _wanted(n: int, origin: Form, step: Step, target: Form) -> tuple[Hashable, Callable[[], tuple[Any, ...]]]:
    """A kernel for rows of n voxels: under which key it is kept, and how it is made."""
    return ("rows", n, origin, step, target), lambda: _kernel(n, origin, step, target)


def _kernel(n: int, origin: Form, step: Step, target: Form) -> tuple[Any, ...]:
    """The tiling for rows of n voxels, its kernel and its tables."""
    tiling = _tiling(n, step)
    kernel = cupy.RawKernel(row_source(tiling, origin, step, target), "rows")
    kernel.compile()
    if tiling.shared_bytes > 48 << 10:
        kernel.max_dynamic_shared_size_bytes = tiling.shared_bytes
    tables = (turns(tiling.length), turns(n)[: tiling.length + 1])
    return tiling, kernel, *(on_device(table, np.complex64) for table in tables)
