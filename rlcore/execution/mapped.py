"""Memory-mapped arrays: letting go of pages that were used."""

import mmap
from typing import Any

import numpy as np


def release(array: Any) -> None:
    """Drop an array's mapped pages from this process; the file, or the system's cache of it, still has them.

    Does nothing to arrays that are not memory maps, or where the system cannot do it.
    """
    while isinstance(array, np.ndarray):
        array = array.base
    if isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)
