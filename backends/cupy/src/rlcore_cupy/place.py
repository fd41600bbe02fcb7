"""Where work goes: to the device, and there to the caller's own stream or to one beside it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from rlcore.backend import Device
from rlcore.errors import OutOfMemory
from rlcore_cupy.library import cupy


class Streams:
    """Streams of a device, kept: CuPy's pool keeps memory for each, and would leave it with streams that are gone."""

    def __init__(self) -> None:
        self._made: list[Any] = []
        self._taken: dict[int, Any] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Forget who had which."""
        with self._lock:
            self._taken.clear()

    @property
    def taken(self) -> bool:
        """Whether any thread has one."""
        return bool(self._taken)

    def of(self, thread: int) -> Any:
        """The stream of a thread."""
        with self._lock:
            if thread not in self._taken:
                if len(self._taken) == len(self._made):
                    self._made.append(cupy.cuda.Stream(non_blocking=True))
                self._taken[thread] = self._made[len(self._taken)]
            return self._taken[thread]


class Place:
    """One device and its streams.

    Outside a lane work goes to the thread's current stream, as with any use of CuPy. A lane of a thread that works
    outside lanes too, or that has made a stream current, is that stream; so memory goes round within it. Other threads
    get streams of their own, which wait for what was begun outside lanes. Only where there are none yet, and memory
    cannot change hands, a lane is left when the last one has finished, so that work is prepared while the device is
    busy.
    """

    def __init__(self, device: Device, streams: Streams) -> None:
        self.index, self._name = device.index, device.name
        self._device, self._streams = cupy.cuda.Device(device.index), streams
        self._local = threading.local()
        self._last: Any = None
        """The end of the last lane."""
        self._outside: Any = None
        self._home = threading.get_ident()

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Work on this device, its refusals told with sizes."""
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
    def lane(self) -> Iterator[None]:
        """Send this thread's work to its stream, and wait for it at the end."""
        with self._device, self._on_stream():
            yield

    @contextlib.contextmanager
    def _on_stream(self) -> Iterator[None]:
        stream = self._stream()
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
            self._last, last = stream.record(), self._last
            if self._streams.taken:
                stream.synchronize()
            elif last is not None:
                last.synchronize()

    @property
    def is_alone(self) -> bool:
        """Whether no other thread may be given what this one works on."""
        return not self._streams.taken

    def _stream(self) -> Any:
        current = cupy.cuda.get_current_stream()
        if current.ptr or threading.get_ident() == self._home:
            return current
        return self._streams.of(threading.get_ident())
