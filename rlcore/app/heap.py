"""One heap for all threads of the program, so that what one of them has freed serves the others; and little kept in it
where memory is short."""

from __future__ import annotations

from rlcore.budget import parse_memory
from rlcore.glibc import M_ARENA_MAX, M_MMAP_THRESHOLD, tell_heap

SHORT = 512 << 20
"""Bytes given to a run, below which it matters what the heap keeps."""


def share_heap() -> bool:
    """Have glibc serve all threads from one heap; whether that could be done.

    By itself it gives threads heaps of their own, up to eight a processor, and each keeps of what was freed in it up to
    twice the largest block freed so far: with a thread that reads blocks, one that writes them and several that decode
    chunks, that is more than all arrays of a run by a small plan. Arrays are large and few, so threads hardly wait.
    """
    return tell_heap(M_ARENA_MAX, 1)


def keep_little(memory: str | None) -> bool:
    """Have glibc give back every array that is freed, if so little memory is given to a run; whether that was done.

    By itself it keeps arrays of up to 32 MiB in the heap for the next; how many depends on how threads take turns: a
    run by a plan of 62 MiB took up to 82. Memory got anew for each array costs time, up to two fifths where blocks are
    tiny, so runs that have more are left alone.
    """
    given = None if memory is None else parse_memory(memory)
    return isinstance(given, int) and given < SHORT and tell_heap(M_MMAP_THRESHOLD, 1 << 20)
