"""Transfers between NumPy arrays and the device.

They go in pieces through pinned memory, which the device reads directly: several threads copy while pieces travel.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.backend.host.memory import processors
from rlcore_cupy.library import cupy

PIECE_BYTES = 8 << 20
"""Size of a piece."""
THREADS = 8
"""Largest number of threads that copy: enough to keep the bus busy."""
SLOTS = 2
"""Pieces of a thread: one that it copies, one that travels."""
_HOST = 1  # cudaMemoryTypeHost
_TO_DEVICE = 1  # cudaMemcpyHostToDevice

Box = tuple[slice, ...]


class Transfers:
    """Threads that copy, each with a little pinned memory of its own."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._size = max(1, min(processors(), THREADS))
        self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="rlcore-cupy")

    @property
    def device_bytes(self) -> int:
        """Largest memory that pieces take on the device."""
        return self._size * PIECE_BYTES

    def to_device(self, volume: Volume, array: Any) -> None:
        """Copy a NumPy array of any real type into a view of a device array; types of up to 4 bytes widen there.

        The pieces travel in the order of the current stream.
        """
        kind = _bus_dtype(volume.dtype)

        def send(box: Box, stream: Any) -> None:
            part, slot = volume[box], self._slot()
            pinned = slot.view(part.shape, kind)
            # narrow types cross the bus as they are, and widen on the device
            np.copyto(pinned, part, casting="unsafe")
            arrived = cupy.empty(part.shape, kind)
            cupy.cuda.runtime.memcpyAsync(arrived.data.ptr, pinned.ctypes.data, pinned.nbytes, _TO_DEVICE, stream.ptr)
            array[box] = arrived
            slot.used(stream)

        self._share(send, volume.shape, kind.itemsize)

    def to_host(self, array: Any, volume: Volume) -> None:
        """Copy a view of a device array into a NumPy array of any real type; the copy is complete on return."""
        if is_pinned(volume) and volume.dtype == array.dtype and volume.flags.c_contiguous:
            self._directly(array, volume)
            return

        def fetch(box: Box, stream: Any) -> None:
            part, slot = cupy.ascontiguousarray(array[box]), self._slot()
            pinned = slot.view(part.shape, array.dtype)
            part.get(out=pinned, blocking=False)
            slot.used(stream)
            slot.wait()
            np.copyto(volume[box], pinned, casting="unsafe")

        self._share(fetch, volume.shape, array.dtype.itemsize)

    def _directly(self, array: Any, volume: Volume) -> None:
        for box in _pieces(volume.shape, array.dtype.itemsize):
            cupy.ascontiguousarray(array[box]).get(out=volume[box], blocking=False)
        cupy.cuda.get_current_stream().synchronize()

    def _share(self, work: Callable[[Box, Any], None], shape: Shape, itemsize: int) -> None:
        """Have the threads work through all pieces."""
        pieces, lock = _pieces(shape, itemsize), threading.Lock()
        stream, device = cupy.cuda.get_current_stream(), cupy.cuda.Device()

        def work_through() -> None:
            with device, stream:
                while True:
                    with lock:
                        box = next(pieces, None)
                    if box is None:
                        return
                    work(box, stream)

        count = math.ceil(math.prod(shape) * itemsize / PIECE_BYTES)
        # a single piece is not worth the hand-over to another thread
        if count == 1:
            work_through()
            return
        for future in [self._pool.submit(work_through) for _ in range(max(1, min(self._size, count)))]:
            future.result()

    def _slot(self) -> _Slot:
        """A piece of this thread's pinned memory whose transfer has ended."""
        if not hasattr(self._local, "slots"):
            self._local.slots = itertools.cycle([_Slot() for _ in range(SLOTS)])
        slot: _Slot = next(self._local.slots)
        slot.wait()
        return slot


class _Slot:
    """Pinned memory for one piece, and the event after which it is free again."""

    def __init__(self) -> None:
        self._memory = cupy.cuda.alloc_pinned_memory(PIECE_BYTES)
        self._event: Any = None

    def view(self, shape: Shape, dtype: np.dtype[Any]) -> Volume:
        if math.prod(shape) * dtype.itemsize > self._memory.size():
            self._memory = cupy.cuda.alloc_pinned_memory(math.prod(shape) * dtype.itemsize)
        return np.frombuffer(self._memory, dtype, math.prod(shape)).reshape(shape)

    def used(self, stream: Any) -> None:
        """Note that the memory is in use until the stream has done its present work."""
        self._event = stream.record()

    def wait(self) -> None:
        """Wait until the memory is free."""
        if self._event is not None:
            self._event.synchronize()
            self._event = None


def pinned(shape: Shape, dtype: np.dtype[Any]) -> Volume:
    """A new array in pinned memory; contents undefined."""
    count = math.prod(shape)
    memory = cupy.cuda.alloc_pinned_memory(max(1, count * dtype.itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)


def is_pinned(volume: Volume) -> bool:
    """True if the device reads and writes this memory directly."""
    return bool(cupy.cuda.runtime.pointerGetAttributes(volume.ctypes.data).type == _HOST)


def _bus_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of values on the bus: their own if it is no wider than float32."""
    return dtype.newbyteorder("=") if dtype.itemsize <= 4 else np.dtype(np.float32)


def _pieces(shape: Shape, itemsize: int) -> Iterator[Box]:
    """Boxes of at most about `PIECE_BYTES`: planes, or rows of one plane."""
    planes = max(1, PIECE_BYTES // (itemsize * math.prod(shape[1:])))
    rows = shape[1] if planes > 1 or len(shape) == 2 else max(1, PIECE_BYTES // (itemsize * math.prod(shape[2:])))
    for first in range(0, shape[0], planes):
        for second in range(0, shape[1], rows):
            yield slice(first, first + planes), slice(second, second + rows)
