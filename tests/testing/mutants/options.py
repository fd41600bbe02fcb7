"""Backends whose accelerated and regularized steps are others."""

import numpy as np

from tests.testing.doubles import Full
from tests.testing.mutants.marks import fails


@fails("predict")
class PredictsWithoutAFloor(Full):
    def predict(self, estimate, previous, factor, *, least, out=None):
        return super().predict(estimate, previous, factor, least=0.0, out=out)


@fails("inner_products")
class ComparesTheNewerStepWithItself(Full):
    def inner_products(self, estimate, point, previous, before, *, inside):
        told = super().inner_products(estimate, point, previous, before, inside=inside)
        return told._replace(square=super().inner_products(estimate, point, estimate, point, inside=inside).square)


@fails("factor")
class GoesAnyDistanceAhead(Full):
    def factor(self, inner_products, *, most):
        return inner_products.product / inner_products.square if inner_products.square else 0.0


@fails("factor")
class TakesItsOwnFactorsForNone(Full):
    def factor(self, inner_products, *, most):
        return _OnDevice(super().factor(inner_products, most=most))

    def predict(self, estimate, previous, factor, *, least, out=None):
        number = 0.0 if isinstance(factor, _OnDevice) else factor
        return super().predict(estimate, previous, number, least=least, out=out)


class _OnDevice:
    def __init__(self, number):
        self.number = number

    def __float__(self):
        return self.number


@fails("smooth", "smooth_in_a_box")
class SmoothsTwiceAsMuch(Full):
    def smooth(self, array, estimate, *, share, inside, **options):
        return super().smooth(array, estimate, share=2 * share, inside=inside, **options)


@fails("smooth_in_a_box")
class SmoothsAcrossTheFaces(Full):
    def smooth(self, array, estimate, *, share, inside, **options):
        return super().smooth(array, estimate, share=share, inside=None, **options)


@fails("halve")
class HalvesByThePlaceInTheBlock(Full):
    def halve(self, image, key, start, shape, *, other):
        return super().halve(image, key, (0,) * image.ndim, shape, other=other)


@fails("agree")
class AgreesOnTheMean(Full):
    def agree(self, first, second, *, out=None):
        return np.multiply(first + second, np.float32(0.5), out=out)
