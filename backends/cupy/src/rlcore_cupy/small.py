"""Memory for small arrays that live long: a pool of its own, so that they never split what large arrays left free."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rlcore_cupy.library import cupy


@cache
def _pool() -> Any:
    return cupy.cuda.MemoryPool()


def on_device(values: Any, dtype: Any) -> Any:
    """A small array on the current device, of this type."""
    with cupy.cuda.using_allocator(_pool().malloc):
        return cupy.asarray(np.asarray(values, dtype))


def room_on_device(shape: Any, dtype: Any) -> Any:
    """A small array on the current device, contents undefined."""
    with cupy.cuda.using_allocator(_pool().malloc):
        return cupy.empty(shape, dtype)
