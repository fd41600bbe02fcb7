"""Resources of a device, made once and lent to one backend at a time, so that a second call finds them ready."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

from rlcore_cupy.library import cupy
from rlcore_cupy.streams import StreamPool
from rlcore_cupy.transfers import Transfers
from rlcore_cupy.transforms import Transforms

T = TypeVar("T")

IDLE = 2
"""Resources kept for each device while nobody uses them."""


class Lender(Generic[T]):
    """Lends things by device. They come back when the object they were lent to is gone."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self._idle: defaultdict[int, list[T]] = defaultdict(list)
        self._lock = threading.Lock()

    def lend(self, device: int, borrower: object) -> T:
        """A thing for this device and this borrower alone."""
        with self._lock:
            thing = self._idle[device].pop() if self._idle[device] else None
        if thing is None:
            thing = self._make(device)
        # at the end of the process CuPy may be gone already, so nothing is returned then
        weakref.finalize(borrower, self._give_back, device, thing).atexit = False
        return thing

    def _give_back(self, device: int, thing: T) -> None:
        with self._lock:
            if len(self._idle[device]) < IDLE:
                self._idle[device].append(thing)


def _make(device: int) -> tuple[Transforms, Transfers, StreamPool]:
    shared = cupy.cuda.Device(device).attributes["MaxSharedMemoryPerBlockOptin"]
    return Transforms(shared), Transfers(), StreamPool()


RESOURCES = Lender(_make)
"""Transforms with their kernels, the threads that copy, and streams, for all backends of this process."""
