"""Backends that tell of an array what is not so."""

from dataclasses import replace

import numpy as np

from rlcore.backend import Summary
from rlcore.backend.boxes import Box
from tests.testing.doubles import Full
from tests.testing.mutants.marks import fails


@fails("fit")
class FitsWhatIsOutsideTheBox(Full):
    def fit(self, image, blurred, *, background, floor, inside):
        return super().fit(
            image, blurred, background=background, floor=floor, inside=Box((0,) * image.ndim, image.shape)
        )


@fails("planes")
class TakesTheFirstPlanes(Full):
    def planes(self, array, first, step, count):
        return super().planes(array, first, 1, count)


@fails("summary")
class SummaryOfMagnitudes(Full):
    def summary(self, array):
        return super().summary(np.abs(array))


@fails("summary_adds_in_double_precision")
class SummaryInSinglePrecision(Full):
    def summary(self, array):
        exact = super().summary(array)
        return exact if array.size < 10000 else replace(exact, total=float(array.sum()))


@fails("summary_tells_of_voxels_that_are_no_numbers")
class SummaryPassesOverNaN(Full):
    def summary(self, array):
        return Summary(float(np.nanmin(array)), float(np.nanmax(array)), float(np.nansum(array, dtype=np.float64)))
