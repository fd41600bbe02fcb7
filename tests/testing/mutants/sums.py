"""Backends whose sums over voxels are wrong."""

from dataclasses import replace

import numpy as np

from rlcore.backend import Box, Summary
from tests.testing.doubles import Full
from tests.testing.mutants.marks import OVERRIDE, fails


@fails("fit", OVERRIDE)
class FitsWhatIsOutsideTheBox(Full):
    def fit(self, image, blurred, *, background, floor, inside):
        return super().fit(
            image, blurred, background=background, floor=floor, inside=Box((0,) * image.ndim, image.shape)
        )


@fails("planes", OVERRIDE)
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


@fails("inner_products", "momentum", OVERRIDE)
class ComparesTheNewerStepWithItself(Full):
    def inner_products(self, estimate, point, previous, before, *, inside):
        products = super().inner_products(estimate, point, previous, before, inside=inside)
        itself = super().inner_products(estimate, point, estimate, point, inside=inside)
        return products._replace(square=itself.square)


@fails("inner_products")
class ComparesByArrays(Full):
    """Sums that stay on the device, where a momentum is computed from Python's floats."""

    def inner_products(self, estimate, point, previous, before, *, inside):
        products = super().inner_products(estimate, point, previous, before, inside=inside)
        return products._make(map(np.float32, products))


@fails("momentum")
class StepsBackwards(Full):
    def momentum(self, estimate, point, previous, before, *, inside, maximum):
        product, square = self.inner_products(estimate, point, previous, before, inside=inside)
        return min(product / square, maximum) if square else 0.0
