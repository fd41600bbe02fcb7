"""glibc's heap: options that decide what of freed memory stays with the process, and its free room."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Iterator
from typing import Any, ClassVar

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
"""Its names, in malloc.h, for the number of heaps and for the size from which memory is not from the heap."""


def tell_heap(option: int, value: int) -> bool:
    """Set an option of the heap; whether that could be done."""
    return _is_glibc() and bool(_libc().mallopt(option, value))


def trim() -> None:
    """Return the pages of all free memory to the system, if this is glibc."""
    if _is_glibc():
        _libc().malloc_trim(0)


@contextlib.contextmanager
def holes_taken(size: int) -> Iterator[None]:
    """Meanwhile the heap has no free room for so many bytes, so arrays as large get pages of their own.

    `M_MMAP_THRESHOLD` alone does not see to that: an array still goes to a hole in the heap that it fits in, and its
    pages stay with the process when it is freed. Holes are taken, not touched, so they take no memory themselves.
    `size` has to be the threshold at least. Nothing is done before glibc 2.33, which does not tell its mapped blocks.
    """
    libc, taken = _libc(), []
    if hasattr(libc, "mallinfo2"):
        libc.mallinfo2.restype, libc.malloc.restype = _Heap, ctypes.c_void_p
        before: _Heap = libc.mallinfo2()
        for _ in range(before.free_bytes // size + 2):
            taken.append(libc.malloc(ctypes.c_size_t(size)))
            if libc.mallinfo2().mapped > before.mapped:
                break
    try:
        yield
    finally:
        for hole in taken:
            libc.free(ctypes.c_void_p(hole))


class _Heap(ctypes.Structure):
    """The heap as `mallinfo2` tells it: its bytes, free chunks of two kinds, blocks outside it, and so on."""

    mapped: int
    free_bytes: int
    _fields_: ClassVar[Any] = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "chunks", "fast_chunks", "mapped", "mapped_bytes", "unused", "fast_bytes", "used_bytes",
            "free_bytes", "top_bytes",
        )
    ]  # fmt: skip


def _is_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"


def _libc() -> Any:
    return ctypes.CDLL(None)
