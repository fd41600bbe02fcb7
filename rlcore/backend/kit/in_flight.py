"""A limit on the work queued ahead of a device, so that progress and cancelling stay timely."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

FILTERS_IN_FLIGHT = 3
"""Filters that may be queued ahead of the last finished one: enough to keep the device busy, few enough that
progress and cancelling stay timely."""


class InFlightLimit:
    """Limits unfinished filters on the device to `maximum`.

    Parameters
    ----------
    mark : callable
        Marks the end of all work queued so far, and returns a function that waits for it.
    maximum : int, optional
        0 where the host is the device: then a filter is finished when it is counted.
    """

    def __init__(self, mark: Callable[[], Callable[[], Any]], maximum: int = FILTERS_IN_FLIGHT) -> None:
        self._mark, self._maximum = mark, maximum
        self._ends: deque[Callable[[], Any]] = deque()

    def count(self) -> None:
        """Count a filter that was queued, and wait until no more than the limit are unfinished. Any thread may call."""
        self._ends.append(self._mark())
        if len(self._ends) > self._maximum:
            wait = self._ends.popleft()
            wait()
