"""Options of glibc's heap, which decides what of freed memory stays with the process."""

from __future__ import annotations

import ctypes
import platform

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
"""Its names, in malloc.h, for the number of heaps and for the size from which memory is not from the heap."""


def tell_heap(option: int, value: int) -> bool:
    """Set an option of the heap; whether that could be done."""
    return platform.libc_ver()[0] == "glibc" and bool(ctypes.CDLL(None).mallopt(option, value))
