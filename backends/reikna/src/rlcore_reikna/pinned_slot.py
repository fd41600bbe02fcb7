"""Pinned host memory, and copies between it and an OpenCL device."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

_VOXEL = 4
"""Bytes of a voxel."""


class PinnedSlot:
    """A piece of pinned memory, and the copy that is under way from or to it."""

    def __init__(self, queue: cl.CommandQueue, lock: AbstractContextManager[Any], size: int) -> None:
        self._queue, self._lock = queue, lock
        self.host: npt.NDArray[np.float32]
        self._event: Any = None
        # a mapped buffer of this kind is the only pinned memory that OpenCL has
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.ALLOC_HOST_PTR
        both: Any = cl.map_flags.READ | cl.map_flags.WRITE
        with lock:
            self._buffer = cl.Buffer(queue.context, flags, _VOXEL * size)
            self.host, _ = cl.enqueue_map_buffer(queue, self._buffer, both, 0, (size,), np.dtype(np.float32))

    def send(self, size: int, device: Any, first: int) -> None:
        self._begin(device, self.host[:size], dst_offset=_VOXEL * first)

    def fetch(self, size: int, device: Any, first: int) -> None:
        self._begin(self.host[:size], device, src_offset=_VOXEL * first)

    def wait(self) -> None:
        if self._event is not None:
            self._event.wait()
            self._event = None

    def close(self) -> None:
        self.wait()
        # the mapping is the array's base, and is released before the buffer it maps
        mapping: Any = self.host.base
        del self.host
        mapping.release(self._queue)
        self._buffer.release()

    def _begin(self, target: Any, source: Any, **offset: Any) -> None:
        with self._lock:
            self._event = cl.enqueue_copy(self._queue, target, source, **offset, is_blocking=False)
            self._queue.flush()
