"""The CUDA streams of a device: the caller's own, or one beside it for each further thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from rlcore.backend import Device
from rlcore.errors import OutOfMemory
from rlcore_cupy.library import cupy


class StreamPool:
    """Streams of a device for threads; kept, since CuPy's memory pool would leave memory with streams that are gone."""

    def __init__(self) -> None:
        self._made: list[Any] = []
        self._taken: dict[int, Any] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Take all streams back."""
        with self._lock:
            self._taken.clear()

    @property
    def taken(self) -> bool:
        """True if any thread has a stream."""
        return bool(self._taken)

    def of(self, thread: int) -> Any:
        """The stream of a thread."""
        with self._lock:
            if thread not in self._taken:
                if len(self._taken) == len(self._made):
                    self._made.append(cupy.cuda.Stream(non_blocking=True))
                self._taken[thread] = self._made[len(self._taken)]
            return self._taken[thread]


class DeviceContext:
    """One device, and the stream on which each thread works.

    Outside `stream` work goes to the thread's current stream, as with any use of CuPy. Within it, a thread that works
    outside too, or that has made a stream current, stays on that stream, so that memory is reused within it. Other
    threads get streams of their own, which wait for the work that was begun outside. While there are none yet, and
    memory cannot change hands, a thread leaves `stream` once its work before has finished, so that work is prepared
    while the device is busy.
    """

    def __init__(self, device: Device, streams: StreamPool) -> None:
        self.index, self._name = device.index, device.name
        self._device, self._streams = cupy.cuda.Device(device.index), streams
        self._local = threading.local()
        self._last: Any = None
        """The end of the last work within `stream`."""
        self._outside: Any = None
        self._home = threading.get_ident()

    @property
    def is_alone(self) -> bool:
        """True if no other thread may be given the arrays that this one works on."""
        return not self._streams.taken

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Runs the enclosed work on this device; an error for lack of memory names sizes."""
        with self._device:
            if not getattr(self._local, "inside", False):
                self._outside, self._home = cupy.cuda.get_current_stream(), threading.get_ident()
            try:
                yield
            except cupy.cuda.memory.OutOfMemoryError as error:
                free, total = cupy.cuda.runtime.memGetInfo()
                cupy.get_default_memory_pool().free_all_blocks()
                sizes = f"{free >> 20} of {total >> 20} MiB free"
                raise OutOfMemory(f"device {self._name!r} refused an allocation, with {sizes}: {error}") from error

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """Runs the enclosed work on this thread's stream, and waits for it at the end."""
        with self._device:
            stream = self._thread_stream()
            # arrays from outside may still be in the making there
            if self._outside is not None and self._outside != stream:
                stream.wait_event(self._outside.record())
            if self._last is not None:
                stream.wait_event(self._last)
            before, self._local.inside = getattr(self._local, "inside", False), True
            try:
                with stream:
                    yield
            finally:
                self._local.inside = before
                # alone, the host may run ahead by one block; others may reuse memory at once
                self._last, last = stream.record(), self._last
                if self._streams.taken:
                    stream.synchronize()
                elif last is not None:
                    last.synchronize()

    def _thread_stream(self) -> Any:
        current = cupy.cuda.get_current_stream()
        # a stream other than 0 was made current by the caller
        if current.ptr or threading.get_ident() == self._home:
            return current
        return self._streams.of(threading.get_ident())
