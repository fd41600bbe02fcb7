"""One device made ready, which all backends on it share: its context, queue, memory, kernels and transfers."""

from __future__ import annotations

import atexit
import ctypes
import threading
from collections.abc import Callable
from functools import cache, partial

import pyopencl as cl

from rlcore.backend.kit.in_flight import FILTERS_IN_FLIGHT, InFlightLimit
from rlcore.backend.kit.pinned_copies import PinnedCopies
from rlcore_reikna.devices import is_cpu
from rlcore_reikna.memory import Memory
from rlcore_reikna.pinned_slot import PinnedSlot
from rlcore_reikna.program import Program


class Runtime:
    """One device made ready. Work runs in the order in which it is enqueued."""

    def __init__(self, device: cl.Device) -> None:
        self.device = device
        self.queue = cl.CommandQueue(cl.Context([device]))
        # held while anything is enqueued: pyopencl enqueues under the interpreter's lock, VkFFT does not, and NVIDIA's
        # driver crashes now and then if several threads enqueue at once
        self._lock = lock = threading.RLock()
        self.memory = Memory(self.queue, lock)
        self.program = Program(self.queue, lock)
        self.pinned_copies = PinnedCopies(partial(PinnedSlot, self.queue, lock))
        self.in_flight = InFlightLimit(self._mark, 0 if is_cpu(device) else FILTERS_IN_FLIGHT)
        self._releases: list[Callable[[], None]] = []
        atexit.register(self.close)

    def _mark(self) -> Callable[[], None]:
        with self._lock:
            end = cl.enqueue_marker(self.queue)
            self.queue.flush()
        return end.wait

    def before_exit(self, release: Callable[[], None]) -> None:
        """Call `release` before the process ends."""
        self._releases.append(release)

    def close(self) -> None:
        """Give plans and memory back in order, while the interpreter is whole."""
        self.queue.finish()
        for release in self._releases:
            release()
        self.pinned_copies.close()
        self.memory.close()
        self.queue.finish()
        # the rest goes with the process: taken apart by the interpreter, in any order, processes with NVIDIA's driver
        # were seen to hang at their end
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))


@cache
def runtime_of(device: cl.Device) -> Runtime:
    """The runtime of a device: one in a process, so that kernels are compiled and memory is allocated once."""
    return Runtime(device)
