"""Between host and device through pinned memory, in pieces: while one crosses the bus the next is copied by threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from rlcore.backend import Shape, Volume
from rlcore.budget import processors

_PIECE = 2 << 20
"""Voxels that cross at a time (8 MiB)."""
_SLOTS = 3
_LEAST = 1 << 16
"""Voxels below which another thread does not pay."""


class Transfers:
    """Uploads and downloads of float32 volumes.

    A pageable NumPy array crosses the bus at a fifth of its speed and a fresh one costs a page fault every 4 KiB;
    pinned pieces, filled and emptied by several threads, hide both.
    """

    def __init__(self, queue: cl.CommandQueue) -> None:
        self._queue = queue
        self._slots: list[_Slot] = []
        self._lock = threading.Lock()
        self._threads = min(8, processors())
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="rlcore-transfer")

    def upload(self, volume: Volume, buffer: Any) -> None:
        """Copy a host array of any real dtype into a buffer of float32; it may be changed once this returns."""
        source = np.ascontiguousarray(volume).reshape(-1)
        with self._lock:
            for number, (start, stop) in enumerate(_pieces(source.size)):
                slot = self._slot(number)
                slot.wait()
                piece = slot.host[: stop - start]
                self._copy(piece, source[start:stop])
                slot.event = cl.enqueue_copy(self._queue, buffer, piece, dst_offset=4 * start, is_blocking=False)
                self._queue.flush()

    def download(self, buffer: Any, shape: Shape, out: Volume | None) -> Volume:
        """Copy a buffer of float32 into `out` (of any strides and dtype), or into a new array."""
        target = np.empty(shape, np.float32) if out is None else out
        plain = target if target.flags.c_contiguous and target.flags.writeable else np.empty(shape, np.float32)
        with self._lock:
            self._download(buffer, plain.reshape(-1))
        if plain is not target:
            target[...] = plain
        return target

    def _download(self, buffer: Any, target: Volume) -> None:
        pieces = _pieces(target.size)
        for number in range(len(pieces) + _SLOTS - 1):
            if number < len(pieces):
                self._fetch(buffer, self._slot(number), *pieces[number])
            done = number - _SLOTS + 1
            if 0 <= done < len(pieces):
                slot, (start, stop) = self._slot(done), pieces[done]
                slot.wait()
                self._copy(target[start:stop], slot.host[: stop - start])

    def _fetch(self, buffer: Any, slot: _Slot, start: int, stop: int) -> None:
        slot.wait()
        slot.event = cl.enqueue_copy(
            self._queue, slot.host[: stop - start], buffer, src_offset=4 * start, is_blocking=False
        )
        self._queue.flush()

    def _slot(self, number: int) -> _Slot:
        while len(self._slots) <= min(number, _SLOTS - 1):
            self._slots.append(_Slot(self._queue))
        return self._slots[number % _SLOTS]

    def _copy(self, target: Volume, source: Volume) -> None:
        share = max(_LEAST, -(-source.size // self._threads))
        parts = [slice(start, start + share) for start in range(0, source.size, share)]
        for _ in self._pool.map(lambda part: np.copyto(target[part], source[part], casting="unsafe"), parts):
            pass


class _Slot:
    """A pinned piece of host memory, and the transfer it is in."""

    def __init__(self, queue: cl.CommandQueue) -> None:
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.ALLOC_HOST_PTR
        self._buffer = cl.Buffer(queue.context, flags, 4 * _PIECE)
        both = cl.map_flags.READ | cl.map_flags.WRITE
        self.host: npt.NDArray[np.float32]
        self.host, _ = cl.enqueue_map_buffer(queue, self._buffer, both, 0, (_PIECE,), np.dtype(np.float32))
        self.event: Any = None

    def wait(self) -> None:
        if self.event is not None:
            self.event.wait()
            self.event = None


def _pieces(size: int) -> list[tuple[int, int]]:
    return [(start, min(start + _PIECE, size)) for start in range(0, size, _PIECE)]
