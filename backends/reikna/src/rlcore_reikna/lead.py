"""How far the host may be ahead of the device, so that progress is told, and an end is heeded, when it is due."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager
from typing import Any

import pyopencl as cl


class Lead:
    """Filters on a queue whose end nobody has seen yet: `most` of them, or fewer."""

    def __init__(self, queue: cl.CommandQueue, lock: AbstractContextManager[Any], most: int) -> None:
        self._queue, self._lock, self._most = queue, lock, most
        self._ends: deque[cl.Event] = deque()

    def keep(self) -> None:
        """Note the end of a filter, and wait until the device is near enough."""
        with self._lock:
            self._ends.append(cl.enqueue_marker(self._queue))
            self._queue.flush()
            overdue = self._ends.popleft() if len(self._ends) > self._most else None
        if overdue is not None:
            overdue.wait()
