"""Layout of arrays in memory: real rows with room for their half spectrum, so that one buffer serves as either."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyfftw

from rlcore.backend import Shape

ALIGNMENT = 64
"""Alignment in bytes: that of a cache line, and enough for any SIMD instruction."""
TILE_BYTES = 1 << 20
"""Approximate bytes of a tile of columns, small enough that it and its part of the OTF stay in a core's cache."""
PIECE = 384 << 10
"""Approximate float32 of a piece in elementwise steps: few enough for a cache, and enough that threads seldom compete
for the interpreter's lock."""

Floats = npt.NDArray[np.float32]
Complexes = npt.NDArray[np.complex64]
State = Literal["real", "pending", "spectrum"]
"""Content of an array. A pending one is a real array whose planes are still spectra: their transforms back are deferred
until the planes are needed, so that the step which reads them first finds them in the cache."""


@dataclass(frozen=True, slots=True)
class Batches:
    """A range cut into batches of one size and a shorter last one, so that few plans serve it."""

    total: int
    size: int

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def __getitem__(self, number: int) -> tuple[int, int]:
        """Start and stop of the batch of this number."""
        start = number * self.size
        return start, min(start + self.size, self.total)

    @property
    def lengths(self) -> frozenset[int]:
        """Lengths that occur: the common one, and that of the last batch."""
        last = self.total % self.size
        return frozenset({min(self.size, self.total)} | ({last} if last else set()))


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of the voxels of a shape, and of the columns of its half spectrum, in a buffer of float32.

    The first axis counts planes (rows of a 2D array). A plane is contiguous; each of its rows has room for
    ``n // 2 + 1`` complex numbers. The columns of a spectrum run along the first axis.
    """

    shape: Shape
    columns: int
    """Number of columns of the spectrum."""
    stride: int
    """float32 from one plane to the next; a multiple of the alignment, and never of a page."""
    planes: Batches
    tiles: Batches

    @property
    def bytes(self) -> int:
        return self.shape[0] * self.stride * 4

    @property
    def line(self) -> int:
        """float32 from one row to the next."""
        return 2 * (self.shape[-1] // 2 + 1)

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        """Contiguous pieces that together cover planes `start` to `stop`: each a few planes, or some rows of one."""
        together = PIECE // self.stride
        if together > 0 or len(self.shape) == 2:
            for plane in range(start, stop, max(1, together)):
                yield Piece(plane, min(plane + max(1, together), stop))
            return
        rows = max(1, PIECE // self.line)
        for plane in range(start, stop):
            for row in range(0, self.shape[1], rows):
                yield Piece(plane, plane + 1, slice(row, min(row + rows, self.shape[1])))


@dataclass(frozen=True, slots=True)
class Piece:
    """A contiguous piece of an array: planes, or rows of a single plane."""

    start: int
    stop: int
    rows: slice | None = None


class Temporaries:
    """Reusable memory of one thread for temporary pieces; new memory for each would cost more than the arithmetic."""

    def __init__(self) -> None:
        self._slots: dict[str, Floats] = {}

    def take(self, slot: str, shape: Shape) -> Floats:
        """Array in the memory of the slot, contents undefined; valid until the slot is taken again."""
        size = math.prod(shape)
        memory = self._slots.get(slot)
        if memory is None or memory.size < size:
            memory = self._slots[slot] = np.empty(size, np.float32)
        return memory[:size].reshape(shape)


@lru_cache(maxsize=256)
def layout_of(shape: Shape) -> Layout:
    """Layout of a shape, computed once."""
    columns = math.prod(shape[1:-1]) * (shape[-1] // 2 + 1)
    lines = -(-columns * 8 // ALIGNMENT)
    lines += lines % (4096 // ALIGNMENT) == 0  # planes a whole number of pages apart would share cache sets
    # Tiles of an odd number of cache lines (8 complex each), so that their rows do not share cache sets either.
    width = max(1, TILE_BYTES // (8 * shape[0]) // 8)
    planes = max(1, min(shape[0], TILE_BYTES // (lines * ALIGNMENT)))
    return Layout(
        shape=shape,
        columns=columns,
        stride=lines * ALIGNMENT // 4,
        planes=Batches(shape[0], planes),
        tiles=Batches(columns, 8 * (width - 1 + width % 2)),
    )


def room_for(count: int, inner: Shape, stride: int) -> tuple[Floats, Floats]:
    """New memory for `count` planes, seen as a matrix and as rows with room for their spectra; contents undefined."""
    flat: Floats = pyfftw.empty_aligned((count, stride), "float32", n=ALIGNMENT)
    rows = (*inner[:-1], 2 * (inner[-1] // 2 + 1))
    # Strides are explicit because FFTW compares them even along axes of length 1, where NumPy chooses any.
    strides = [4 * math.prod(rows[axis + 1 :]) for axis in range(len(rows))]
    return flat, np.lib.stride_tricks.as_strided(flat, (count, *rows), (4 * stride, *strides))


class Padded:
    """A real array or a spectrum in one buffer. The room between the voxels of a real array holds finite values."""

    __slots__ = ("_buffer", "columns", "layout", "reals", "room", "spectra", "state")

    def __init__(self, shape: Shape) -> None:
        self.layout = layout_of(tuple(shape))
        self._buffer, rows = room_for(shape[0], self.layout.shape[1:], self.layout.stride)
        self._buffer[:, 2 * self.layout.columns :] = 0
        self.reals: Floats = rows[..., : shape[-1]]
        """View of the real array."""
        self.room: Floats = rows[..., shape[-1] :]
        """View of the room at the end of its rows."""
        self.spectra: Complexes = rows.view(np.complex64)
        """View of the spectrum, plane by plane."""
        self.columns: Complexes = self._buffer[:, : 2 * self.layout.columns].view(np.complex64)
        """View of the spectrum as a matrix, whose columns are those of the spectrum."""
        self.state: State = "real"

    @property
    def shape(self) -> Shape:
        return self.layout.shape

    def planes(self, first: int, step: int, count: int) -> Padded:
        """New array of every `step`-th plane from `first` on, `count` in all, in the state of this one."""
        taken = Padded((count, *self.shape[1:]))
        # Batches of a single plane, since there are too few planes to share among threads otherwise.
        taken.layout = replace(taken.layout, planes=Batches(count, 1))
        np.copyto(taken._buffer, self._buffer[first::step][:count])
        taken.state = self.state
        return taken

    def piece(self, piece: Piece, temporaries: Temporaries) -> Floats:
        """A piece as one line, with the room of its rows: NumPy is several times faster without a loop over rows."""
        if piece.rows is None:
            return self._buffer[piece.start : piece.stop].reshape(-1)
        line = self.layout.line
        return self._buffer[piece.start, piece.rows.start * line : piece.rows.stop * line]


class Spread:
    """A real array with few different rows, kept as a table and the index of its rows. It is read, never written."""

    def __init__(self, table: npt.NDArray[Any], index: tuple[npt.NDArray[np.intp], ...]) -> None:
        self.layout = layout_of(tuple(len(i) for i in index))
        self._index = index[:-1]
        self._rows: Floats = np.zeros((*table.shape[:-1], self.layout.line), np.float32)
        np.take(table.astype(np.float32), index[-1], axis=-1, out=self._rows[..., : self.shape[-1]])

    @property
    def shape(self) -> Shape:
        return self.layout.shape

    def piece(self, piece: Piece, temporaries: Temporaries) -> Floats:
        """A piece as one line, expanded into temporary memory."""
        if piece.rows is None:
            planes = temporaries.take("planes", (piece.stop - piece.start, self.layout.stride))
            used = 2 * self.layout.columns
            planes[:, used:] = 0
            written = self._rows[np.ix_(self._index[0][piece.start : piece.stop], *self._index[1:])]
            planes[:, :used] = written.reshape(len(planes), used)
            return planes.reshape(-1)
        rows, picked = self._rows[self._index[0][piece.start]], self._index[1][piece.rows]
        lines = temporaries.take("lines", (len(picked), self.layout.line))
        return np.take(rows, picked, axis=0, out=lines, mode="clip").reshape(-1)
