"""Device memory: buffers that are backed by memory when they are handed out and kept for reuse, and free bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pyopencl as cl
from pyopencl.tools import ImmediateAllocator, MemoryPool, PooledBuffer

from rlcore.backend.host.memory import format_bytes, host_free
from rlcore.errors import OutOfMemory
from rlcore_reikna import nvml
from rlcore_reikna.devices import is_cpu, title

_SHARE = 0.8
"""Share of a device's memory that is taken to be ours where its driver cannot say how much others use."""

_EXACT = 12
"""Leading bits of a size that the pool keeps: it rounds sizes up by a four-thousandth at most."""


def rounded(count: int) -> int:
    """Most bytes that an array of `count` bytes takes in the pool."""
    return count + (count >> (_EXACT - 1)) + 4096 if count else 0


class Memory:
    """Buffers on one device.

    Freed buffers are kept for the next of their size, and given back when an allocation fails.
    """

    def __init__(self, queue: cl.CommandQueue, lock: AbstractContextManager[Any]) -> None:
        self._device, self._lock = queue.device, lock
        # OpenCL promises memory at allocation and may fail much later, so every new buffer is touched at once
        self._pool = MemoryPool(ImmediateAllocator(queue), _EXACT)
        self._relief: list[Callable[[], None]] = []
        self._unified = is_cpu(self._device)

    @property
    def in_use(self) -> int:
        """Bytes of buffers that are handed out."""
        return int(self._pool.active_bytes)

    def on_pressure(self, release: Callable[[], None]) -> None:
        """Call `release` when an allocation fails, before it is tried once more."""
        self._relief.append(release)

    def allocate(self, count: int) -> PooledBuffer:
        """A buffer of `count` bytes; raises OutOfMemory, with the sizes, if the device has none."""
        limit = self._device.max_mem_alloc_size
        if count > limit:
            raise OutOfMemory(
                f"device {title(self._device)} allows {format_bytes(limit)} per buffer, "
                f"and {format_bytes(count)} are needed; give a smaller memory"
            )
        with self._lock:  # new buffers are touched by way of the queue
            try:
                return self._pool.allocate(max(count, 1))
            except cl.MemoryError:
                return self._allocate_again(count)

    def close(self) -> None:
        """Give unused buffers back, and keep none from now on."""
        self._pool.stop_holding()

    def free_bytes(self) -> int:
        """Bytes that can be allocated now, by the host, the vendor's own query, or a cautious share of the whole."""
        # the pool's unused buffers count as free, since they are reused or given back
        held = self._pool.managed_bytes - self._pool.active_bytes
        device = self._device
        if self._unified:
            return int(min(host_free()[0] + held, device.global_mem_size - self.in_use))
        free = _vendor_free(device)
        if free is None:
            return max(0, int(_SHARE * device.global_mem_size) - self.in_use)
        return int(free + held)

    def _allocate_again(self, count: int) -> PooledBuffer:
        for release in self._relief:
            release()
        self._pool.free_held()
        try:
            return self._pool.allocate(count)
        except cl.MemoryError as error:
            there, total = format_bytes(self.in_use), format_bytes(self._device.global_mem_size)
            raise OutOfMemory(
                f"device {title(self._device)} has no {format_bytes(count)} beside the {there} in use, "
                f"of {total} in all; give a smaller memory"
            ) from error


def _vendor_free(device: cl.Device) -> int | None:
    """Free bytes as AMD's or NVIDIA's driver reports them; None for other vendors."""
    if "cl_amd_device_attribute_query" in device.extensions:
        free: Any = device.global_free_memory_amd  # the free memory and its largest block, in KiB
        return 1024 * int(free[0])
    if "cl_nv_device_attribute_query" in device.extensions:
        slot = int(device.pci_slot_id_nv)
        return nvml.free_memory(f"{device.pci_domain_id_nv:04x}:{device.pci_bus_id_nv:02x}:{slot >> 3:02x}.0")
    return None
