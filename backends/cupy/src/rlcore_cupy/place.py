"""Where work goes: to the device, and there to the caller's own stream or to one beside it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from rlcore.backend import Device
from rlcore.errors import OutOfMemory
from rlcore_cupy.library import cupy


class Place:
    """One device and its streams.

    Outside a lane work goes to the thread's current stream, as with any use of CuPy. A lane takes the caller's own
    stream if there is one; else the thread gets a stream of its own. Either waits for what was begun outside lanes.
    """

    def __init__(self, device: Device) -> None:
        self.index, self._name = device.index, device.name
        self._device = cupy.cuda.Device(device.index)
        self._local = threading.local()
        self._outside: Any = None

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Work on this device, its refusals told with sizes."""
        with self._device:
            if not getattr(self._local, "inside", False):
                self._outside = cupy.cuda.get_current_stream()
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
        before, self._local.inside = getattr(self._local, "inside", False), True
        try:
            with stream:
                yield
        finally:
            self._local.inside = before
            stream.synchronize()

    def _stream(self) -> Any:
        current = cupy.cuda.get_current_stream()
        if current.ptr:
            return current
        if not hasattr(self._local, "stream"):
            self._local.stream = cupy.cuda.Stream(non_blocking=True)
        return self._local.stream
