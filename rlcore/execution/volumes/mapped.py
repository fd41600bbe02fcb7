"""Memory-mapped arrays: releasing pages after use."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

from rlcore.backend.boxes import Box

_MAPPED = 4 << 20
"""Bytes of a file that may be mapped at once."""


def is_mapped(array: Any) -> bool:
    """True if the array is a memory map of a file, or a view of one."""
    return isinstance(_base(array), mmap.mmap)


def release(array: Any) -> None:
    """Drop an array's mapped pages from this process; the file, or the system's cache of it, still has them.

    Does nothing to arrays that are not memory maps, or where the system cannot do it.
    """
    base = _base(array)
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def slabs(array: np.ndarray[Any, Any], box: Box) -> Iterator[Box]:
    """Parts of a box, along the first axis, that map only a little of an array's file each.

    A row that is touched maps whole pages, so a narrow box of a wide volume maps much more than its own bytes. Of an
    array that is no memory map it is the box itself.
    """
    shape = box.shape
    touched = abs(array.strides[0]) if len(shape) == 2 else shape[1] * abs(array.strides[1])
    thickness = max(1, _MAPPED // max(1, touched)) if is_mapped(array) else shape[0]
    for first in range(box.start[0], box.stop[0], thickness):
        yield Box((first, *box.start[1:]), (min(first + thickness, box.stop[0]), *box.stop[1:]))


def _base(array: Any) -> Any:
    while isinstance(array, np.ndarray):
        array = array.base
    return array
