"""Between host arrays and a device, in pieces of memory that the device reads directly.

A pageable array crosses the bus at a fifth of its speed, and a fresh one costs a page fault every 4 KiB. Both are
hidden where pinned pieces are filled and emptied by several threads, while the piece before crosses the bus.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rlcore.backend.facts import Volume
from rlcore.backend.host.memory import processors

PIECE = 8 << 20
"""Voxels that cross at a time (32 MiB)."""
_SLOTS = 3
_PAGE = 1024
"""Voxels of float32 on a page of memory."""
_LEAST = 1 << 16
"""Voxels below which another thread does not pay."""


class Slot(Protocol):
    """Pinned memory for one piece, and the transfer that it is in."""

    host: npt.NDArray[np.float32]

    def send(self, size: int, device: Any, first: int) -> None:
        """Begin to copy its first voxels to the device's memory, where they go from voxel `first` on."""
        ...

    def fetch(self, size: int, device: Any, first: int) -> None:
        """Begin to copy as many from there."""
        ...

    def wait(self) -> None:
        """Return when nothing is under way."""
        ...

    def close(self) -> None:
        """Give the memory back, when nothing is under way."""
        ...


class PinnedCopies:
    """Uploads and downloads of compact float32 volumes, from and to host arrays of any real type and any strides.

    Parameters
    ----------
    make : callable
        Makes a slot with room for so many voxels.
    piece : int, optional
        Voxels that cross at a time.
    """

    def __init__(self, make: Callable[[int], Slot], *, piece: int = PIECE) -> None:
        self._make, self._piece = make, piece
        self._slots: list[Slot] = []
        self._lock = threading.Lock()
        self._threads = min(8, processors())
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="rlcore-staging")

    def upload(self, volume: Volume, device: Any) -> None:
        """Copy a host array to the device; the array may be changed once this returns."""
        with self._lock:
            for number, piece in enumerate(_pieces(volume, self._piece)):
                slot = self._slot(number)
                self._copy(slot.host[: piece.size].reshape(piece.voxels.shape), piece.voxels)
                slot.send(piece.size, device, piece.first)

    def download(self, device: Any, volume: Volume) -> None:
        """Copy from the device into a host array."""
        pieces = list(_pieces(volume, self._piece))
        with self._lock:
            waiting = [self._fetch(device, number, piece) for number, piece in enumerate(pieces[:_SLOTS])]
            self._touch(volume)
            for number, piece in enumerate(pieces, start=_SLOTS):
                self._take(waiting[number - _SLOTS], piece)
                if number < len(pieces):
                    waiting.append(self._fetch(device, number, pieces[number]))

    def close(self) -> None:
        """Give the pinned memory back."""
        with self._lock:
            while self._slots:
                self._slots.pop().close()
            self._pool.shutdown()

    def _touch(self, volume: Volume) -> None:
        """Write to every page of what is to be filled: new memory is slow to come, and the device may be busy still."""
        self._share(volume, lambda part: volume[part][..., ::_PAGE].fill(0))

    def _fetch(self, device: Any, number: int, piece: _Piece) -> Slot:
        slot = self._slot(number)
        slot.fetch(piece.size, device, piece.first)
        return slot

    def _take(self, slot: Slot, piece: _Piece) -> None:
        slot.wait()
        self._copy(piece.voxels, slot.host[: piece.size].reshape(piece.voxels.shape))

    def _slot(self, number: int) -> Slot:
        """The slot of a piece, free."""
        while len(self._slots) <= min(number, _SLOTS - 1):
            self._slots.append(self._make(self._piece))
        slot = self._slots[number % _SLOTS]
        slot.wait()
        return slot

    def _copy(self, target: Volume, source: Volume) -> None:
        self._share(source, lambda part: np.copyto(target[part], source[part], casting="unsafe"))

    def _share(self, volume: Volume, work: Callable[[tuple[slice, ...]], None]) -> None:
        """Have threads work on parts of a volume, cut along its first axis or, if that is short, along the second."""
        axis = 0 if volume.ndim == 1 or volume.shape[0] >= self._threads else 1
        threads = max(1, min(self._threads, volume.size // _LEAST, volume.shape[axis]))
        ends = [volume.shape[axis] * number // threads for number in range(threads + 1)]
        parts = [(slice(None),) * axis + (slice(a, b),) for a, b in itertools.pairwise(ends)]
        # little is not worth the hand-over to another thread
        if threads == 1:
            work(parts[0])
            return
        for _ in self._pool.map(work, parts):
            pass


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some planes of a host array, or some rows of one, or a part of a row."""

    voxels: Volume
    first: int
    """Position of its first voxel on the device."""

    @property
    def size(self) -> int:
        return self.voxels.size


def _pieces(volume: Volume, most: int) -> Iterator[_Piece]:
    """Pieces that lie on the device without a gap, in order; a row longer than a piece is cut too."""
    whole = volume[(None,) * (3 - volume.ndim)]
    nz, ny, nx = whole.shape
    planes, rows = max(1, most // (ny * nx)), max(1, min(ny, most // nx))
    for z in range(0, nz, planes):
        for y in range(0, ny, rows if planes == 1 else ny):
            for x in range(0, nx, most):
                box = slice(z, z + planes), slice(y, y + (rows if planes == 1 else ny)), slice(x, x + most)
                yield _Piece(whole[box], (z * ny + y) * nx + x)
