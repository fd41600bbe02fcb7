"""glibc's heap: while its holes are taken, arrays get pages of their own."""

import ctypes
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, mmap
from pathlib import Path
import numpy as np
from rlcore.backend.host.glibc import M_MMAP_THRESHOLD, holes_taken, tell_heap, trim

MIB = 1 << 20
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

def kept():
    trim()
    before = resident()
    array = np.ones(2 * MIB, np.uint8)
    del array
    return resident() - before

# holes of 3 MiB in the heap, where nothing as large would be with the threshold that follows
tell_heap(M_MMAP_THRESHOLD, 8 * MIB)
holes = []
for _ in range(8):
    holes.append(libc.malloc(ctypes.c_size_t(3 * MIB)))
    libc.malloc(ctypes.c_size_t(300_000))
for hole in holes:
    libc.free(ctypes.c_void_p(hole))
tell_heap(M_MMAP_THRESHOLD, MIB)
kept()  # the first time counts pages of the interpreter too
print(kept() > MIB)
with holes_taken(MIB):
    print(kept() < MIB / 2)
print(kept() > MIB)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="this is not glibc 2.33 or later",
)
def test_a_freed_array_leaves_nothing_while_holes_are_taken():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
