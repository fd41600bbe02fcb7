"""Transforms of rows, with an elementwise step on the way: by our own kernels or, where they cannot, by cuFFT."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from rlcore.backend.kit.gpu_fft.columns import turns
from rlcore_cupy.arrays import Padded
from rlcore_cupy.kernel_cache import BATCH_BYTES, KernelCache, small_array
from rlcore_cupy.library import cupy
from rlcore_cupy.row_kernels import RowPass, row_source
from rlcore_cupy.row_tilings import row_tiling_for


class RowTransforms:
    """Transforms from voxels to half spectra of rows and back."""

    def __init__(self, cache: KernelCache) -> None:
        self._cache = cache

    def can_step(self, *arrays: Padded) -> bool:
        """True if our own kernels take rows of these arrays, so that a step can be joined to their transform."""
        return all(array.aligned for array in arrays) and row_tiling_for(arrays[0].shape[-1]) is not None

    def compile_ahead(self, n: int, row_pass: RowPass) -> None:
        """Have a kernel for rows of n voxels compiled by another thread."""
        if row_tiling_for(n) is not None:
            self._cache.make_ahead(*_recipe(n, row_pass))

    def forward(self, array: Padded, out: Padded) -> None:
        """Write half spectra of an array's rows to `out`."""
        if self.can_step(array, out):
            self.run(RowPass("reals", "none", "halves"), array, out)
        else:
            self._by_cufft(array, out, forward=True)

    def backward(self, array: Padded) -> None:
        """Turn half spectra into voxels, in place, n times too large."""
        if self.can_step(array):
            self.run(RowPass("halves", "none", "reals"), array, array)
        else:
            self._by_cufft(array, array, forward=False)

    def run(self, row_pass: RowPass, array: Padded, out: Padded, *arguments: Any) -> None:
        """Take the rows of `array` to `out`, or those of the sampled planes; the arguments are those of the step."""
        tiling, kernel, *tables = self._cache.get(*_recipe(array.shape[-1], row_pass))
        rows = (array.buffer, np.int64(array.line), out.buffer, np.int64(out.line), np.int32(out.rows))
        grid, block = (math.ceil(out.rows / tiling.rows),), (tiling.threads,)
        kernel(grid, block, (*rows, *tables, *arguments), shared_mem=tiling.shared_bytes)

    def _by_cufft(self, array: Padded, out: Padded, *, forward: bool) -> None:
        # in batches, since cuFFT's work area grows with the rows of a plan
        size = max(1, BATCH_BYTES // (4 * out.line))
        for first in range(0, array.rows, size):
            plan = self._plan(array.shape[-1], array.line, out.line, min(size, array.rows - first), forward=forward)
            self._cache.run(plan, array.buffer[first * array.line :], out.buffer[first * out.line :], 0)

    def _plan(self, n: int, source: int, target: int, batch: int, *, forward: bool) -> Any:
        half = target // 2 if forward else source // 2
        if forward:
            layout = ((source,), 1, source, (half,), 1, half, cupy.cuda.cufft.CUFFT_R2C)
        else:
            layout = ((half,), 1, half, (target,), 1, target, cupy.cuda.cufft.CUFFT_C2R)
        return self._cache.get((n, *layout, batch), lambda: self._cache.plan((n,), *layout, batch, "C", 0, n))


def row_arguments(array: Padded) -> tuple[Any, Any]:
    """Kernel arguments of an array: where it is, and the spacing of its rows."""
    return array.buffer, np.int64(array.line)


def _recipe(n: int, row_pass: RowPass) -> tuple[Hashable, Callable[[], tuple[Any, ...]]]:
    """The key under which a kernel for rows of n voxels is cached, and the function that makes it."""
    return ("rows", n, row_pass), lambda: _kernel(n, row_pass)


def _kernel(n: int, row_pass: RowPass) -> tuple[Any, ...]:
    """The tiling for rows of n voxels, its kernel and its tables."""
    tiling = row_tiling_for(n)
    assert tiling is not None
    kernel = cupy.RawKernel(row_source(tiling, row_pass), "rows")
    kernel.compile()
    # more than this has to be asked for
    if tiling.shared_bytes > 48 << 10:
        kernel.max_dynamic_shared_size_bytes = tiling.shared_bytes
    tables = (turns(tiling.length), turns(n)[: tiling.length + 1])
    return tiling, kernel, *(small_array(table, np.complex64) for table in tables)
