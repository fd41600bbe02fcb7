"""What a backend has on its device: arrays, made, filled and moved, and kernels that run over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import BackendError
from rlcore_reikna.arrays import Array, Kind, Real, real_bytes
from rlcore_reikna.program import Program
from rlcore_reikna.runtime import Runtime
from rlcore_reikna.transforms import Transforms


class OnDevice:
    """What every part of the backend works with."""

    dtype = np.dtype(np.float32)
    _runtime: Runtime
    _program: Program
    _transforms: Transforms

    def upload(self, volume: Volume, *, out: Array | None = None) -> Array:
        array = self._target(out, tuple(volume.shape), "real")
        self._runtime.transfers.upload(volume, array.buffer)
        return array

    def download(self, array: Real, *, out: Volume | None = None) -> Volume:
        dense = self._dense(array)
        volume = np.empty(dense.shape, self.dtype) if out is None else out
        self._runtime.transfers.download(dense.buffer, volume)
        return volume

    def fill(self, array: Array, value: float) -> None:
        """Give all voxels of an array one value."""
        self._program.each("fill", array.size, array.buffer, value)

    def _each(self, kernel: str, out: Array | None, *operands: Real, numbers: tuple[float, ...] = ()) -> Array:
        dense = [self._dense(operand) for operand in operands]
        if any(operand.shape != dense[0].shape for operand in dense):
            raise BackendError(f"arrays of shapes {', '.join(str(a.shape) for a in dense)} do not go together")
        target = self._target(out, dense[0].shape, "real")
        self._program.each(kernel, target.size, target.buffer, *(a.buffer for a in dense), *numbers)
        return target

    def _target(self, out: Array | None, shape: Shape, kind: Kind) -> Array:
        """Where a result goes: `out`, or a new array."""
        if out is None:
            return self._new(shape, kind)
        if out.shape != shape or out.kind != kind:
            raise BackendError(f"out of shape {out.shape} ({out.kind}) cannot take a result of shape {shape} ({kind})")
        return out

    def _new(self, shape: Shape, kind: Kind = "real") -> Array:
        size: Callable[[Shape], int] = real_bytes if kind == "real" else self._transforms.spectrum_bytes
        return Array(self._runtime.memory.allocate(size(shape)), shape, kind)

    def _dense(self, array: Any) -> Array:
        """The array with its voxels in memory."""
        if isinstance(array, Array):
            return array
        dense = self._new(array.shape)
        self._program.over("expand", dense.shape, dense.buffer, *array.arguments)
        return dense
