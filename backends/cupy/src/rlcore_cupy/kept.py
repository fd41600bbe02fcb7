"""Plans and kernels, made once and kept while they are in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from rlcore.backend.host.memory import processors
from rlcore_cupy.library import cupy

T = TypeVar("T")

BATCH_BYTES = 32 << 20
"""cuFFT works on so much at a time, because it may want several times as much again as a work area."""
KEPT = 128
"""A shape takes four to sixteen; the least recently used go first."""


class Kept:
    """A bounded store of what belongs to one device, and the work area that plans of cuFFT's share."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._area: Any = None
        self._stream: Any = None
        self._lock = threading.RLock()
        self._compilers = ThreadPoolExecutor(processors(), thread_name_prefix="rlcore-cupy-compiler")

    def __len__(self) -> int:
        return len(self._made)

    @property
    def area_bytes(self) -> int:
        """Bytes of the work area."""
        return 0 if self._area is None else int(self._area.mem.size)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under the key; made now if it is not there."""
        with self._lock:
            if isinstance(self._made.get(key), (Future, type(None))):
                coming = self._made.pop(key, None)
                self._keep(key, make() if coming is None else coming.result())
                cupy.cuda.Device().synchronize()  # other streams use what is new, or used what is gone
            self._made.move_to_end(key)
            found: T = self._made[key]
            return found

    def make_ahead(self, key: Hashable, make: Callable[[], object]) -> None:
        """Have what will be wanted made in another thread: compiling takes a processor for up to half a second."""
        device = cupy.cuda.Device()

        def there() -> object:
            with device:
                return make()

        with self._lock:
            if key not in self._made:
                self._keep(key, self._compilers.submit(there))

    def _keep(self, key: Hashable, value: object) -> None:
        self._made[key] = value
        if len(self._made) > KEPT:
            self._made.popitem(last=False)

    def clear(self) -> None:
        """Forget everything, the work area too."""
        with self._lock:
            self._made.clear()
            self._area = None

    def plan(self, *layout: Any) -> Any:
        """A plan of cuFFT's for transforms in the caller's buffers, its work area the one that all share."""
        with cupy.cuda.using_allocator(self._work_area):
            return cupy.cuda.cufft.PlanNd(*layout)

    def run(self, plan: Any, source: Any, target: Any, sign: int) -> None:
        """Run a plan on the current stream, after what another stream has begun in the same work area."""
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
