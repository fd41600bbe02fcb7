"""One heap for all threads of the program, so that what one of them has freed serves the others."""

from __future__ import annotations

import ctypes
import platform

_M_ARENA_MAX = -8
"""glibc's name for the number of heaps, in malloc.h."""


def share_heap() -> bool:
    """Have glibc serve all threads from one heap; whether that could be done.

    By itself it gives threads heaps of their own, up to eight a processor, and each keeps of what was freed in it up to
    twice the largest block freed so far: with a thread that reads blocks, one that writes them and several that decode
    chunks, that is more than all arrays of a run by a small plan. Arrays are large and few, so threads hardly wait.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1))
