"""What is made once for a device and lent to one backend at a time, so that a second call finds it ready."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

KEPT = 2
"""Kept for each device while nobody uses them."""


class Shelf(Generic[T]):
    """Things by device. What is lent comes back when the one it was lent to is gone."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self._idle: defaultdict[int, list[T]] = defaultdict(list)
        self._lock = threading.Lock()

    def lend(self, device: int, borrower: object) -> T:
        """Something for this device and this borrower alone."""
        with self._lock:
            thing = self._idle[device].pop() if self._idle[device] else None
        if thing is None:
            thing = self._make(device)
        weakref.finalize(borrower, self._give_back, device, thing).atexit = False
        return thing

    def _give_back(self, device: int, thing: T) -> None:
        with self._lock:
            if len(self._idle[device]) < KEPT:
                self._idle[device].append(thing)
