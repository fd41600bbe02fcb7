"""Backends whose transfers disturb each other, or whose arrays are not those of other libraries."""

import contextlib
import threading

import numpy as np

from tests.testing.doubles import Bare, Foreign, Full
from tests.testing.mutants.marks import fails


@fails("pinned_memory_can_be_transferred")
class PinsOneType(Full):
    def pinned(self, shape, dtype):
        return np.empty(shape, np.float32)


@fails("two_pinned_arrays_share_no_memory")
class PinsOnce(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._pinned = {}

    def pinned(self, shape, dtype):
        return self._pinned.setdefault((shape, dtype), np.empty(shape, dtype))


@fails("a_stream_has_finished_when_it_is_left")
class StreamIsLeftTooEarly(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._thread = threading.local()

    @contextlib.contextmanager
    def stream(self):
        self._thread.late = True
        yield
        self._thread.late = False

    def add(self, a, b, *, out=None):
        if out is not None or not getattr(self._thread, "late", False):
            return super().add(a, b, out=out)
        result = np.zeros_like(a)
        threading.Timer(0.3, lambda: super(StreamIsLeftTooEarly, self).add(a, b, out=result)).start()
        return result


@fails("what_belongs_together_is_overridden_together")
class StreamsWithoutPinnedMemory(Bare):
    def stream(self):
        return contextlib.nullcontext()


@fails("a_result_is_the_array_that_callers_get")
class HandsOutACopy(Full):
    def result(self, shape):
        return np.zeros(shape, self.dtype), Foreign(np.zeros(shape, self.dtype))


@fails("other_objects_are_not_taken")
class TakesEverything(Full):
    def takes(self, array):
        return True
