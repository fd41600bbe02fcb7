"""glibc's heap: while its holes are taken, arrays get pages of their own."""

import ctypes
import mmap
import platform
from pathlib import Path

import numpy as np
import pytest

from rlcore.backend.host.glibc import M_MMAP_THRESHOLD, holes_taken, tell_heap, trim

MIB = 1 << 20
THRESHOLD = 8 * MIB
"""Bytes; more than the arrays of these tests, so that the holes for them are in the heap."""

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="this is not glibc 2.33 or later",
)


@pytest.fixture
def hole():
    """A heap with holes of 3 MiB."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    tell_heap(M_MMAP_THRESHOLD, THRESHOLD)
    holes, fences = [], []
    for _ in range(8):
        holes.append(libc.malloc(ctypes.c_size_t(3 * MIB)))
        fences.append(libc.malloc(ctypes.c_size_t(300_000)))
    for each in holes:
        libc.free(ctypes.c_void_p(each))
    tell_heap(M_MMAP_THRESHOLD, MIB)
    yield
    for each in fences:
        libc.free(ctypes.c_void_p(each))
    tell_heap(M_MMAP_THRESHOLD, 32 * MIB)
    trim()


def keeps():
    """Bytes that the process holds more after an array of 2 MiB was made, filled and freed."""

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

    trim()
    before = resident()
    array = np.ones(2 * MIB, np.uint8)
    del array
    return resident() - before


@pytest.mark.usefixtures("hole")
def test_a_freed_array_leaves_nothing_while_holes_are_taken():
    assert keeps() > MIB
    with holes_taken(MIB):
        assert keeps() < MIB / 2
    assert keeps() > MIB
