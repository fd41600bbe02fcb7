"""Arrays on the device, and the base class of the backend's parts, which makes, fills, moves and combines them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Shape, Volume
from rlcore.errors import BackendError
from rlcore_reikna.program import Program
from rlcore_reikna.runtime import Runtime
from rlcore_reikna.shapes import cubic, real_bytes
from rlcore_reikna.transforms import Transforms

Kind = Literal["real", "spectrum"]


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """A real volume, or a spectrum in the layout of the transforms that made it, in one buffer."""

    buffer: Any
    shape: Shape
    """Shape of the real volume, for a spectrum too."""
    kind: Kind = "real"

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class SpreadTable:
    """A small table that stands for the volume ``table[np.ix_(*index)]``, which is made only where it is needed."""

    table: Any
    """Buffer of the table."""
    index: Any
    """Buffer of int32: the positions along z, then y, then x."""
    plane: Shape
    """Rows and columns of a plane of the table."""
    shape: Shape

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Arguments of the kernels that read it."""
        return self.table, self.index, *self.plane, *cubic(self.shape)


Real: TypeAlias = Array | SpreadTable


def is_spectrum(array: Real) -> TypeGuard[Array]:
    return isinstance(array, Array) and array.kind == "spectrum"


class DeviceArrays(Backend[Any]):
    """Makes, fills and moves arrays, and runs elementwise kernels on them."""

    _runtime: Runtime
    _program: Program
    _transforms: Transforms

    def upload(self, volume: Volume, *, out: Array | None = None) -> Array:
        array = self._target(out, tuple(volume.shape), "real")
        self._runtime.pinned_copies.upload(volume, array.buffer)
        return array

    def download(self, array: Real, *, out: Volume | None = None) -> Volume:
        dense = self._dense(array)
        volume = np.empty(dense.shape, self.facts.dtype) if out is None else out
        self._runtime.pinned_copies.download(dense.buffer, volume)
        return volume

    def full(self, shape: Shape, value: float) -> Array:
        return self._fill(self._new(tuple(shape)), value)

    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> SpreadTable:
        # not spread over the block: `update` reads the table itself, which saves an array and reading all of it
        axes = (np.zeros(1, np.int32),) * (3 - len(index)) + index
        places = np.concatenate(axes).astype(np.int32)
        values, positions = (self._runtime.memory.allocate(4 * each.size) for each in (table, places))
        spread = SpreadTable(values, positions, cubic(table.shape)[1:], tuple(len(axis) for axis in index))
        self._runtime.pinned_copies.upload(table, spread.table)
        # pinned copies move float32 only, bit by bit, so positions cross the bus as such
        self._runtime.pinned_copies.upload(places.view(np.float32), spread.index)
        return spread

    def _each(self, kernel: str, out: Array | None, *operands: Real, numbers: tuple[float, ...] = ()) -> Array:
        """Run an elementwise kernel on the operands, then the numbers."""
        dense = [self._dense(operand) for operand in operands]
        if any(operand.shape != dense[0].shape for operand in dense):
            raise BackendError(f"arrays of shapes {', '.join(str(a.shape) for a in dense)} do not go together")
        target = self._target(out, dense[0].shape, "real")
        self._program.each(kernel, target.size, target.buffer, *(a.buffer for a in dense), *numbers)
        return target

    def _fill(self, array: Array, value: float) -> Array:
        self._program.each("fill", array.size, array.buffer, value)
        return array

    def _target(self, out: Array | None, shape: Shape, kind: Kind) -> Array:
        """The array for a result: `out`, or a new one."""
        if out is None:
            return self._new(shape, kind)
        if out.shape != shape or out.kind != kind:
            raise BackendError(f"out of shape {out.shape} ({out.kind}) cannot take a result of shape {shape} ({kind})")
        return out

    def _new(self, shape: Shape, kind: Kind = "real") -> Array:
        size: Callable[[Shape], int] = real_bytes if kind == "real" else self._transforms.spectrum_bytes
        return Array(self._runtime.memory.allocate(size(shape)), shape, kind)

    def _dense(self, array: Real) -> Array:
        """The array itself, or the volume that a table stands for."""
        if isinstance(array, Array):
            return array
        dense = self._new(array.shape)
        self._program.over("expand", dense.shape, dense.buffer, *array.arguments)
        return dense
