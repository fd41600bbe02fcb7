"""The stream that work of a thread goes to: the caller's own, or one beside it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from rlcore_cupy.library import cupy


class Lanes:
    """Streams of one device.

    Outside a lane work goes to the thread's current stream, as with any use of CuPy. A lane takes the caller's own
    stream if there is one; else the thread gets a stream of its own. Either waits for what was begun outside lanes.
    """

    def __init__(self) -> None:
        self._local = threading.local()
        self._outside: Any = None

    def note(self) -> None:
        """Remember the stream of work that is begun outside a lane."""
        if not getattr(self._local, "inside", False):
            self._outside = cupy.cuda.get_current_stream()

    @contextlib.contextmanager
    def lane(self) -> Iterator[None]:
        """Send this thread's work to its stream, and wait for it at the end."""
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
