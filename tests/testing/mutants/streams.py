"""Backends whose transfers disturb each other."""

import contextlib
import threading

import numpy as np

from tests.testing.doubles import Full
from tests.testing.mutants.marks import fails


@fails("staging_is_memory_to_transfer_through")
class StagesOneType(Full):
    def staging(self, shape, dtype):
        return np.empty(shape, np.float32)


@fails("two_stagings_are_two_pieces_of_memory")
class StagesOnce(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._staged = {}

    def staging(self, shape, dtype):
        return self._staged.setdefault((shape, dtype), np.empty(shape, dtype))


@fails("a_lane_has_finished_when_it_is_left")
class LaneIsLeftTooEarly(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._thread = threading.local()

    @contextlib.contextmanager
    def lane(self):
        self._thread.late = True
        yield
        self._thread.late = False

    def add(self, a, b, *, out=None):
        if out is not None or not getattr(self._thread, "late", False):
            return super().add(a, b, out=out)
        result = np.zeros_like(a)
        threading.Timer(0.3, lambda: super(LaneIsLeftTooEarly, self).add(a, b, out=result)).start()
        return result
