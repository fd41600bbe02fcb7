"""What belongs to a device rather than to a backend: its context, queue, memory, kernels and transfers."""

from __future__ import annotations

import atexit
import ctypes
import threading
from collections.abc import Callable
from functools import cache, partial

import pyopencl as cl

from rlcore.backend.kit.in_flight import FILTERS, InFlightLimit
from rlcore.backend.kit.pinned_copies import PinnedCopies
from rlcore_reikna.devices import is_cpu
from rlcore_reikna.memory import Memory
from rlcore_reikna.pinned import Slot
from rlcore_reikna.program import Program


class Runtime:
    """One device made ready. All that is enqueued runs in the order in which it was enqueued."""

    def __init__(self, device: cl.Device) -> None:
        self.device = device
        self.queue = cl.CommandQueue(cl.Context([device]))
        # held while anything is enqueued: pyopencl does that under the interpreter's lock, VkFFT does not, and NVIDIA's
        # driver crashes now and then where several threads enqueue at once
        self._lock = lock = threading.RLock()
        self.memory = Memory(self.queue, lock)
        self.program = Program(self.queue, lock)
        self.transfers = PinnedCopies(partial(Slot, self.queue, lock))
        self.lead = InFlightLimit(self._mark, 0 if is_cpu(device) else FILTERS)
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
        """Give memory and plans back in order, while the interpreter is whole; the rest goes with the process. Where it
        was left to the interpreter to take all apart, in any order, processes with NVIDIA's driver were seen to hang at
        their end."""
        self.queue.finish()
        for release in self._releases:
            release()
        self.transfers.close()
        self.memory.close()
        self.queue.finish()
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))


@cache
def runtime_of(device: cl.Device) -> Runtime:
    """The runtime of a device: one a process, so that kernels are compiled and memory is got from the driver once."""
    return Runtime(device)
