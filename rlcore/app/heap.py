"""Settings of glibc's heap: one heap for all threads, and freed arrays returned at once where memory is short."""

from __future__ import annotations

from rlcore.backend.host.glibc import M_ARENA_MAX, M_MMAP_THRESHOLD, tell_heap
from rlcore.planner.budget import parse_memory

SHORT = 512 << 20
"""Memory limit of a run in bytes, below which arrays that the heap retains would matter."""


def share_heap() -> bool:
    """Makes glibc serve all threads from one heap, and returns whether that succeeded.

    By default glibc gives threads their own heaps, up to eight per processor, and each retains freed memory up to
    twice its largest freed block. With threads that read blocks, write blocks and decode chunks, that exceeds all
    arrays of a run with a small plan.
    """
    # contention for the one heap is low: arrays are large and few
    return tell_heap(M_ARENA_MAX, 1)


def keep_little(memory: str | None) -> bool:
    """Makes glibc return every freed array to the system if the limit is small, and returns whether it did so.

    By default glibc retains freed arrays of up to 32 MiB for reuse, and their number depends on the order in which
    threads run: a run with a plan of 62 MiB used up to 82 MiB.

    Parameters
    ----------
    memory : str or None
        Memory limit of the run, as ``4 GiB`` or ``50%``; None for the free memory.
    """
    # mapping each array anew costs up to 40 % of the time where blocks are tiny, so larger limits keep the default
    given = None if memory is None else parse_memory(memory)
    return isinstance(given, int) and given < SHORT and tell_heap(M_MMAP_THRESHOLD, 1 << 20)
