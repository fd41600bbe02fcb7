"""One heap for all threads of the program, so that what one of them has freed serves the others; and little kept in it
where memory is short."""

from __future__ import annotations

import ctypes
import platform

from rlcore.budget import parse_memory

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
"""glibc's names for the number of heaps and for the size from which memory is not from the heap, in malloc.h."""
SHORT = 512 << 20
"""Bytes given to a run, below which it matters what the heap keeps."""


def share_heap() -> bool:
    """Have glibc serve all threads from one heap; whether that could be done.

    By itself it gives threads heaps of their own, up to eight a processor, and each keeps of what was freed in it up to
    twice the largest block freed so far: with a thread that reads blocks, one that writes them and several that decode
    chunks, that is more than all arrays of a run by a small plan. Arrays are large and few, so threads hardly wait.
    """
    return _tell_glibc(_M_ARENA_MAX, 1)


def keep_little(memory: str | None) -> bool:
    """Have glibc give back every array that is freed, if so little memory is given to a run; whether that was done.

    By itself it keeps arrays of up to 32 MiB in the heap for the next; how many depends on how threads take turns: a
    run by a plan of 62 MiB took up to 82. Memory got anew for each array costs time, up to two fifths where blocks are
    tiny, so runs that have more are left alone.
    """
    given = None if memory is None else parse_memory(memory)
    return isinstance(given, int) and given < SHORT and _tell_glibc(_M_MMAP_THRESHOLD, 1 << 20)


def _tell_glibc(option: int, value: int) -> bool:
    """Set an option of its heap; whether that could be done."""
    return platform.libc_ver()[0] == "glibc" and bool(ctypes.CDLL(None).mallopt(option, value))
