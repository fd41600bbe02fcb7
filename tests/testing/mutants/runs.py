"""Backends that go wrong in the course of a run."""

import time

import numpy as np

from tests.testing.doubles import Full
from tests.testing.mutants.marks import TRUTH, fails


@fails(TRUTH)
class WearsOut(Full):
    """Exact at first; after many calls with one OTF no better than half precision."""

    last, calls = None, 0

    def convolve(self, array, otf, *, out=None):
        self.calls = self.calls + 1 if otf is self.last else 1
        self.last = otf
        blurred = super().convolve(array, otf, out=out)
        if self.calls > 60:
            blurred[...] = blurred.astype(np.float16)
        return blurred


@fails("threads_do_not_disturb_each_other")
class SharesAWorkArea(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._areas = {}

    def convolve(self, array, otf, *, out=None):
        product = self.fft(array, out=self._areas.setdefault(otf.shape, np.empty_like(otf)))
        time.sleep(1e-4)  # so that another thread comes in between, however few processors there are
        return self.ifft(self.multiply(product, otf, out=product), array.shape, out=out)


@fails("a_hundred_calls_leave_memory_as_it_was")
class KeepsWhatItMade(Full):
    kept = ()

    def upload(self, volume):
        array = super().upload(volume)
        if array.size < 100_000:  # larger ones would go over the footprint, too
            self.kept = (*self.kept, array)
        return array
