"""How arrays lie in device memory: real rows with room for their half spectrum, so that one buffer serves as either."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, SupportsFloat

import numpy as np

from rlcore.backend import Shape
from rlcore.backend.boxes import Box
from rlcore_cupy.factors import as_taken
from rlcore_cupy.library import cupy

SECTOR = 4
"""Complex numbers in 32 bytes, what the device fetches at once: rows begin on such boundaries."""

State = Literal["real", "rows", "spectrum"]
"""What an array holds. Rows: a real array whose rows are still spectra, for whoever reads it may want them so."""


def line_of(n: int) -> int:
    """float32 from one row to the next, for rows of n voxels and their spectra."""
    return 2 * SECTOR * -(-(n // 2 + 1) // SECTOR)


def bytes_of(shape: Shape) -> int:
    """Bytes of an array of this shape."""
    return 4 * math.prod(shape[:-1]) * line_of(shape[-1])


@lru_cache(maxsize=256)
def box_of(shape: Shape, box: Box) -> tuple[Any, ...]:
    """A box in an array of this shape as kernels take it: rows of a plane, and its ends along three axes."""
    lead = 3 - len(shape)
    ends = zip((0,) * lead + box.start, (1,) * lead + box.stop, strict=True)
    return np.int32(shape[-2]), *(np.int32(at) for side in ends for at in side)


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """A step that waits: ``image / max(array + background, floor) - 1`` inside the box, 0 outside it."""

    image: Padded
    background: float
    floor: float
    inside: Box | None

    @property
    def numbers(self) -> tuple[Any, ...]:
        """What kernels take: background, floor, rows of a plane, and the box along three axes."""
        shape = self.image.shape
        box = self.inside or Box((0,) * len(shape), shape)
        return np.float32(self.background), np.float32(self.floor), *box_of(shape, box)


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """A step that waits: the point ahead of an estimate, in place of the estimate before it."""

    newest: Padded
    factor: SupportsFloat
    least: float

    @property
    def numbers(self) -> tuple[Any, ...]:
        """What kernels take."""
        return *as_taken(self.factor), np.float32(self.least)


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """A step that waits: ``point * max(1 + weight * correction, 0)`` in place of the point."""

    correction: Padded
    weight: Any
    """As arrays come to an update; settled."""
    ahead: Ahead | None
    """How the point is made of what is in its place; None where it is there itself."""
    point: Padded | None = None
    """Its place, where the update is in another, and where the point is left; None where the update takes it."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A copy that waits: planes of an array whose rows are spectra, as they are."""

    source: Padded
    first: int
    step: int


class Padded:
    """A real array or a spectrum in one buffer. The last axis is contiguous; rows are `line` float32 apart."""

    __slots__ = (
        "__weakref__",
        "_buffer",
        "ahead",
        "awaiting",
        "line",
        "part",
        "shape",
        "state",
        "step",
        "taken",
        "update",
    )

    def __init__(self, shape: Shape, buffer: Any = None) -> None:
        self.shape = tuple(shape)
        self.line = line_of(shape[-1]) if buffer is None else shape[-1]
        self._buffer = buffer
        self.state: State = "real"
        self.step: Ratio | None = None
        """What is still to be done to an array in the state "rows"."""
        self.taken: Ratio | None = None
        """The last step that was done: its image must not be freed before the device is through with it."""
        self.update: Update | None = None
        """What is still to be done to a real array."""
        self.ahead: Ahead | None = None
        """Or this."""
        self.part: Part | None = None
        """What is still to be copied to an array in the state "rows", before all else."""
        self.awaiting: weakref.WeakSet[Padded] = weakref.WeakSet()
        """Arrays whose step needs this one as it is now."""

    @property
    def buffer(self) -> Any:
        """Its memory, which is taken when it is first needed: a copy that waits may never need any."""
        if self._buffer is None:
            self._buffer = cupy.empty(self.rows * self.line, cupy.float32)
        return self._buffer

    @property
    def aligned(self) -> bool:
        """Whether two voxels can be read at once."""
        return self.line % 2 == 0 and (self._buffer is None or self._buffer.data.ptr % 8 == 0)

    def become(self, state: State) -> Padded:
        """Note what the array holds now, with nothing left to be done."""
        self.state, self.step, self.update, self.ahead, self.part = state, None, None, None, None
        return self

    @property
    def waits(self) -> bool:
        """Whether anything is still to be done to it."""
        return any(one is not None for one in (self.step, self.update, self.ahead, self.part))

    def needs(self, other: Padded) -> bool:
        """Whether what is still to be done to it reads another array as it is now."""
        read: list[Any] = [self.step.image] if self.step else []
        ahead = self.ahead
        if self.update is not None:
            read += [self.update.correction, self.update.weight, self.update.point]
            ahead = self.update.ahead
        if ahead is not None:
            read.append(ahead.newest)
        if self.part is not None:
            read.append(self.part.source)
        return any(one is other for one in read)

    @classmethod
    def around(cls, array: Any) -> Padded:
        """A contiguous float32 array of CuPy as it lies: rows without room, to read from and write to."""
        return cls(tuple(array.shape), array.reshape(-1))

    def planes(self, first: int, step: int, count: int) -> Padded:
        """A new array of so many planes, each `step` after the one before, in the state of this one, if nothing waits.

        Planes of rows that are spectra wait to be copied: who needs them may take them from where they are.
        """
        taken = Padded((count, *self.shape[1:]))
        if self.state == "rows":
            taken.state, taken.part = "rows", Part(self, first, step)
        elif taken.line == self.line:
            taken._take(self, first, step)
        else:
            taken.reals[...] = self.reals[first::step][:count]
        return taken

    def copy_part(self) -> None:
        """Do the copy that waits."""
        if self.part is not None:
            self._take(self.part.source, self.part.first, self.part.step)
            self.part = None

    def _take(self, source: Padded, first: int, step: int) -> None:
        count, plane = self.shape[0], math.prod(self.shape[1:-1]) * self.line
        self.buffer.reshape(count, plane)[...] = source.buffer.reshape(-1, plane)[first::step][:count]

    @property
    def rows(self) -> int:
        return math.prod(self.shape[:-1])

    @property
    def columns(self) -> int:
        """Complex numbers in a row of the spectrum."""
        return self.shape[-1] // 2 + 1

    @property
    def has_room(self) -> bool:
        """Whether rows have room for their spectra."""
        return bool(self.line >= 2 * self.columns)

    @property
    def reals(self) -> Any:
        """The voxels, as a CuPy array."""
        return self.buffer.reshape(*self.shape[:-1], self.line)[..., : self.shape[-1]]
