"""How far the host may be ahead of a device, so that progress is told, and an end is heeded, when it is due."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

FILTERS = 3
"""Filters that a device is well given beyond those that it has done: it never waits for the host, nor a user for it."""


class Lead:
    """Filters whose end nobody has seen yet: `most` of them, or fewer.

    Parameters
    ----------
    mark : callable
        Marks the end of all that the device has been given so far, and returns what waits for it when it is called.
    most : int, optional
        0 where the host is the device: then all is done when a filter is told to be.
    """

    def __init__(self, mark: Callable[[], Callable[[], Any]], most: int = FILTERS) -> None:
        self._mark, self._most = mark, most
        self._ends: deque[Callable[[], Any]] = deque()

    def keep(self) -> None:
        """Note the end of a filter, and wait until the device is near enough. By any thread."""
        self._ends.append(self._mark())
        if len(self._ends) > self._most:
            wait = self._ends.popleft()
            wait()
