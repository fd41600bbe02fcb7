"""Free memory of an NVIDIA GPU by NVIDIA's management library (NVML), since its OpenCL does not report it."""

from __future__ import annotations

import ctypes
from functools import lru_cache


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def free_memory(bus_id: str) -> int | None:
    """Free bytes of the GPU at a PCI address such as ``0000:3b:00.0``; None if the library is missing or fails."""
    library = _library()
    if library is None:
        return None
    handle, memory = ctypes.c_void_p(), _Memory()
    if library.nvmlDeviceGetHandleByPciBusId_v2(bus_id.encode(), ctypes.byref(handle)) != 0:
        return None
    if library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != 0:
        return None
    return int(memory.free)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """The library, started once for the life of the process, since starting takes longer than a query."""
    for name in ("libnvidia-ml.so.1", "nvml.dll"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return library if library.nvmlInit_v2() == 0 else None
    return None
