"""Between host and device through pinned memory, in pieces: while one crosses the bus the next is copied by threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from rlcore.backend import Volume
from rlcore.budget import processors
from rlcore_reikna.arrays import cubic

_PIECE = 8 << 20
"""Voxels that cross at a time (32 MiB)."""
_SLOTS = 3
_PAGE = 1024
"""Voxels of float32 on a page of memory."""
_LEAST = 1 << 16
"""Voxels below which another thread does not pay."""


class Transfers:
    """Uploads and downloads of float32 volumes, from and to host arrays of any real type and any strides.

    A pageable NumPy array crosses the bus at a fifth of its speed and a fresh one costs a page fault every 4 KiB;
    pinned pieces, filled and emptied by several threads, hide both.
    """

    def __init__(self, queue: cl.CommandQueue, lock: AbstractContextManager[Any], *, piece: int = _PIECE) -> None:
        self._queue, self._enqueueing, self._piece = queue, lock, piece
        self._slots: list[_Slot] = []
        self._lock = threading.Lock()
        self._threads = min(8, processors())
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="rlcore-transfer")

    def upload(self, volume: Volume, buffer: Any) -> None:
        """Copy a host array into a buffer; the array may be changed once this returns."""
        with self._lock:
            for number, piece in enumerate(_pieces(volume, self._piece)):
                slot = self._slot(number)
                slot.wait()
                held = slot.host[: piece.size]
                self._copy(held.reshape(piece.voxels.shape), piece.voxels)
                with self._enqueueing:
                    slot.event = cl.enqueue_copy(
                        self._queue, buffer, held, dst_offset=4 * piece.first, is_blocking=False
                    )
                    self._queue.flush()

    def download(self, buffer: Any, volume: Volume) -> None:
        """Copy a buffer into a host array."""
        pieces = list(_pieces(volume, self._piece))
        with self._lock:
            waiting = [self._fetch(buffer, number, piece) for number, piece in enumerate(pieces[:_SLOTS])]
            self._touch(volume)
            for number, piece in enumerate(pieces, start=_SLOTS):
                self._take(waiting[number - _SLOTS], piece)
                if number < len(pieces):
                    waiting.append(self._fetch(buffer, number, pieces[number]))

    def close(self) -> None:
        """Give the pinned memory back."""
        with self._lock:
            while self._slots:
                self._slots.pop().close(self._queue)
            self._pool.shutdown()

    def _touch(self, volume: Volume) -> None:
        """Write to every page of what is to be filled: new memory is slow to come, and the device may be busy still."""
        self._share(volume, lambda part: volume[part][..., ::_PAGE].fill(0))

    def _fetch(self, buffer: Any, number: int, piece: _Piece) -> _Slot:
        slot = self._slot(number)
        slot.wait()
        held = slot.host[: piece.size]
        with self._enqueueing:
            slot.event = cl.enqueue_copy(self._queue, held, buffer, src_offset=4 * piece.first, is_blocking=False)
            self._queue.flush()
        return slot

    def _take(self, slot: _Slot, piece: _Piece) -> None:
        slot.wait()
        self._copy(piece.voxels, slot.host[: piece.size].reshape(piece.voxels.shape))

    def _slot(self, number: int) -> _Slot:
        while len(self._slots) <= min(number, _SLOTS - 1):
            with self._enqueueing:
                self._slots.append(_Slot(self._queue, self._piece))
        return self._slots[number % _SLOTS]

    def _copy(self, target: Volume, source: Volume) -> None:
        self._share(source, lambda part: np.copyto(target[part], source[part], casting="unsafe"))

    def _share(self, volume: Volume, work: Callable[[tuple[slice, ...]], None]) -> None:
        """Have threads work on parts of a volume, cut along its first axis or, if that is short, along the second."""
        axis = 0 if volume.ndim == 1 or volume.shape[0] >= self._threads else 1
        threads = max(1, min(self._threads, volume.size // _LEAST, volume.shape[axis]))
        ends = [volume.shape[axis] * number // threads for number in range(threads + 1)]
        parts = [(slice(None),) * axis + (slice(a, b),) for a, b in itertools.pairwise(ends)]
        for _ in self._pool.map(work, parts):
            pass


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some planes of a host array, or some rows of one."""

    voxels: Volume
    first: int
    """Where its first voxel lies on the device."""

    @property
    def size(self) -> int:
        return self.voxels.size


def _pieces(volume: Volume, most: int) -> Iterator[_Piece]:
    """Pieces that lie on the device without a gap, in order; a row longer than a piece is cut too."""
    nz, ny, nx = cubic(volume.shape)
    whole = volume.reshape(nz, ny, nx) if volume.ndim < 3 else volume
    planes, rows = max(1, most // (ny * nx)), max(1, min(ny, most // nx))
    for z in range(0, nz, planes):
        for y in range(0, ny, rows if planes == 1 else ny):
            for x in range(0, nx, most):
                box = slice(z, z + planes), slice(y, y + (rows if planes == 1 else ny)), slice(x, x + most)
                yield _Piece(whole[box], (z * ny + y) * nx + x)


class _Slot:
    """A pinned piece of host memory, and the transfer it is in."""

    def __init__(self, queue: cl.CommandQueue, size: int) -> None:
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.ALLOC_HOST_PTR
        self._buffer = cl.Buffer(queue.context, flags, 4 * size)
        both: Any = cl.map_flags.READ | cl.map_flags.WRITE
        self.host: npt.NDArray[np.float32]
        self.host, _ = cl.enqueue_map_buffer(queue, self._buffer, both, 0, (size,), np.dtype(np.float32))
        self.event: Any = None

    def close(self, queue: cl.CommandQueue) -> None:
        self.wait()
        mapping: Any = self.host.base
        del self.host
        mapping.release(queue)
        self._buffer.release()

    def wait(self) -> None:
        if self.event is not None:
            self.event.wait()
            self.event = None
