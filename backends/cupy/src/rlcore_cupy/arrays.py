"""Arrays on the device: their layout, the steps that may be pending on them, and weights of few different values."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from rlcore.backend import Box, Shape
from rlcore_cupy.kernel_cache import small_array
from rlcore_cupy.library import cupy

SECTOR = 4
"""Complex numbers in 32 bytes, which the device fetches at once: rows begin on such boundaries."""

State = Literal["real", "rows", "spectrum"]
"""Content of an array. "rows" is a real array whose rows are still spectra, since the next step may want them so."""


def line_of(n: int) -> int:
    """float32 from one row to the next, for rows of n voxels and their spectra."""
    return 2 * SECTOR * -(-(n // 2 + 1) // SECTOR)


def bytes_of(shape: Shape) -> int:
    """Bytes of an array of this shape."""
    return 4 * math.prod(shape[:-1]) * line_of(shape[-1])


@lru_cache(maxsize=256)
def box_arguments(shape: Shape, box: Box | None) -> tuple[Any, ...]:
    """Kernel arguments of a box in an array of this shape: rows of a plane, and its ends along three axes."""
    # kernels know three axes: an image has one plane
    lead = 3 - len(shape)
    start, stop = (box.start, box.stop) if box else ((0,) * len(shape), shape)
    ends = zip((0,) * lead + start, (1,) * lead + stop, strict=True)
    return np.int32(shape[-2]), *(np.int32(at) for side in ends for at in side)


def momentum_arguments(momentum: float | Momentum) -> tuple[Any, ...]:
    """Kernel arguments of a momentum: its value, and where it is stored; kernels take the value if that is nowhere."""
    if isinstance(momentum, Momentum):
        return np.float32(0), momentum.stored
    return np.float32(momentum), np.uint64(0)


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """A step: ``image / max(array + background, floor) - 1`` inside the box, 0 outside it."""

    image: Padded
    background: float
    floor: float
    inside: Box | None

    @property
    def operands(self) -> tuple[Array | None, ...]:
        """Arrays that the step reads besides its own."""
        return (self.image,)

    @property
    def numbers(self) -> tuple[Any, ...]:
        """Kernel arguments: background, floor, rows of a plane, and the box along three axes."""
        return np.float32(self.background), np.float32(self.floor), *box_arguments(self.image.shape, self.inside)


@dataclass(frozen=True, slots=True, eq=False)
class Momentum:
    """A momentum that stays on the device until the host asks for it by ``float()``."""

    stored: Any
    """Where it is: a CuPy array of one float32."""
    ready: Any
    """The event after which it is there."""

    def __float__(self) -> float:
        self.ready.synchronize()
        return float(self.stored.get()[0])


@dataclass(frozen=True, slots=True, eq=False)
class Extrapolation:
    """A step: the extrapolated point of the newest estimate, in place of the estimate before it."""

    newest: Padded
    momentum: float | Momentum
    share: float

    @property
    def operands(self) -> tuple[Array | None, ...]:
        """Arrays that the step reads besides its own."""
        return (self.newest,)

    @property
    def numbers(self) -> tuple[Any, ...]:
        """Kernel arguments: momentum and share."""
        return *momentum_arguments(self.momentum), np.float32(self.share)


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """A step: ``point * max(1 + weight * correction, 0)`` in place of the point."""

    correction: Padded
    weight: Array | None
    extrapolation: Extrapolation | None
    """The step that makes the point of the values in its place; None where they are the point."""

    @property
    def operands(self) -> tuple[Array | None, ...]:
        """Arrays that the step reads besides its own."""
        before = self.extrapolation.operands if self.extrapolation else ()
        return self.correction, self.weight, *before


class Padded:
    """A real array or a spectrum in one buffer. The last axis is contiguous; rows are `line` float32 apart."""

    __slots__ = ("__weakref__", "buffer", "dependents", "last_ratio", "line", "pending", "shape", "state")

    def __init__(self, shape: Shape, buffer: Any = None) -> None:
        self.shape = tuple(shape)
        self.line = line_of(shape[-1]) if buffer is None else shape[-1]
        self.buffer = cupy.empty(self.rows * self.line, cupy.float32) if buffer is None else buffer
        self.state: State = "real"
        self.pending: Ratio | Extrapolation | Update | None = None
        """The step that was deferred: a ratio of an array in the state "rows", or another one of a real array."""
        self.last_ratio: Ratio | None = None
        """The last ratio that ran. Its image must not be freed before the device has finished with it."""
        # weak, so that an array that nobody holds any more is freed, its step undone
        self.dependents: weakref.WeakSet[Padded] = weakref.WeakSet()
        """Arrays whose pending step reads this one as it is now."""

    @classmethod
    def around(cls, array: Any) -> Padded:
        """A contiguous float32 array of CuPy as it lies: rows without room for spectra, to read from and write to."""
        return cls(tuple(array.shape), array.reshape(-1))

    @property
    def rows(self) -> int:
        return math.prod(self.shape[:-1])

    @property
    def reals(self) -> Any:
        """The voxels, as a CuPy array."""
        return self.buffer.reshape(*self.shape[:-1], self.line)[..., : self.shape[-1]]

    @property
    def aligned(self) -> bool:
        """True if two voxels can be read at once."""
        return self.line % 2 == 0 and self.buffer.data.ptr % 8 == 0

    def become(self, state: State) -> Padded:
        """Note the new content of the array, with no step pending."""
        self.state, self.pending = state, None
        return self

    def needs(self, other: Padded) -> bool:
        """True if the pending step reads another array as it is now."""
        return self.pending is not None and any(one is other for one in self.pending.operands)

    def planes(self, first: int, step: int, count: int) -> Padded:
        """A new array of `count` planes, each `step` after the one before, in the state of this one."""
        taken = Padded((count, *self.shape[1:]))
        if taken.line == self.line:
            # whole lines are copied, so rows may as well be spectra
            plane = math.prod(self.shape[1:-1]) * self.line
            taken.buffer.reshape(count, plane)[...] = self.buffer.reshape(-1, plane)[first::step][:count]
            taken.state = self.state
        else:
            taken.reals[...] = self.reals[first::step][:count]
        return taken


@dataclass(frozen=True, slots=True)
class Spread:
    """A real array of few different values: a small table and three index vectors. It is read, never written."""

    shape: tuple[int, ...]
    arguments: tuple[Any, ...]
    """Kernel arguments: the table, an int32 index for each axis, 0 throughout for the first of a 2D array, rows of a
    plane, rows and columns of the table."""

    @classmethod
    def of(cls, table: Any, index: tuple[Any, ...]) -> Spread:
        """The table on the device, which stands for ``table[np.ix_(*index)]``."""
        three = (np.zeros(1, np.int32),) * (3 - len(index)) + tuple(index)
        values = small_array(table.reshape((1,) * (3 - table.ndim) + table.shape), np.float32)
        first, second, third = (small_array(axis, np.int32) for axis in three)
        sizes = map(np.int32, (len(second), *values.shape[1:]))
        return cls(tuple(map(len, index)), (values, first, second, third, *sizes))


Array = Padded | Spread
"""A real array or a spectrum, as the algorithm gets it."""
