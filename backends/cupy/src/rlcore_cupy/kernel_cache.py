"""A cache of kernels, their tables and plans of cuFFT, which are made once and kept while they are in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np

from rlcore.backend.host.memory import processors
from rlcore_cupy.library import cupy

T = TypeVar("T")

BATCH_BYTES = 32 << 20
"""Bytes that cuFFT works on at a time, because it may want several times as much again as a work area."""
CAPACITY = 128
"""Number of entries. A shape takes four to sixteen; the least recently used ones are dropped first."""


class KernelCache:
    """A bounded cache of one device's kernels and plans, and the work area that plans of cuFFT share."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._area: Any = None
        self._stream: Any = None
        # reentrant, since making a plan may replace the work area, which clears the cache
        self._lock = threading.RLock()
        self._compilers = ThreadPoolExecutor(processors(), thread_name_prefix="rlcore-cupy-compiler")

    def __len__(self) -> int:
        return len(self._made)

    @property
    def area_bytes(self) -> int:
        """Bytes of the work area."""
        return 0 if self._area is None else int(self._area.mem.size)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The entry of a key; made now if it is not there."""
        with self._lock:
            if isinstance(self._made.get(key), (Future, type(None))):
                coming = self._made.pop(key, None)
                self._keep(key, make() if coming is None else coming.result())
                # other streams will use the new entry, or still use one that was dropped
                cupy.cuda.Device().synchronize()
            self._made.move_to_end(key)
            found: T = self._made[key]
            return found

    def make_ahead(self, key: Hashable, make: Callable[[], object]) -> None:
        """Have an entry made by another thread: compiling takes a processor for up to half a second."""
        device = cupy.cuda.Device()

        def on_device() -> object:
            with device:
                return make()

        with self._lock:
            if key not in self._made:
                self._keep(key, self._compilers.submit(on_device))

    def _keep(self, key: Hashable, value: object) -> None:
        self._made[key] = value
        if len(self._made) > CAPACITY:
            self._made.popitem(last=False)

    def clear(self) -> None:
        """Drop all entries, and the work area."""
        with self._lock:
            self._made.clear()
            self._area = None

    def plan(self, *layout: Any) -> Any:
        """A plan of cuFFT for transforms in the caller's buffers, with the work area that all plans share."""
        # cuFFT asks CuPy's allocator for the work area of each plan
        with cupy.cuda.using_allocator(self._work_area):
            return cupy.cuda.cufft.PlanNd(*layout)

    def run(self, plan: Any, source: Any, target: Any, sign: int) -> None:
        """Run a plan on the current stream, after the work that another stream has begun in the same work area."""
        with self._lock:
            stream = cupy.cuda.get_current_stream()
            if self._stream is not None and self._stream != stream:
                stream.wait_event(self._stream.record())
            self._stream = stream
            plan.fft(source, target, sign)

    def _work_area(self, size: int) -> Any:
        if self.area_bytes < size or self._area is None:
            self.clear()
            self._area = cupy.get_default_memory_pool().malloc(size)
        return self._area


@cache
def _small_arrays() -> Any:
    """The memory pool of small arrays that live long, which would else split the memory that large arrays left free."""
    return cupy.cuda.MemoryPool()


def small_array(values: Any, dtype: Any) -> Any:
    """A small array on the current device, of this type."""
    with cupy.cuda.using_allocator(_small_arrays().malloc):
        return cupy.asarray(np.asarray(values, dtype))
