"""Backends whose operations of regularization are wrong."""

import numpy as np

from tests.testing.doubles import Full
from tests.testing.mutants.marks import OVERRIDE, fails


@fails("smooth", "smooth_in_a_box", OVERRIDE)
class SmoothsTwiceAsMuch(Full):
    def smooth(self, array, estimate, *, weight, **options):
        return super().smooth(array, estimate, weight=2 * weight, **options)


@fails("smooth_in_a_box", OVERRIDE)
class SmoothsAcrossTheFaces(Full):
    def smooth(self, array, estimate, *, inside, **options):
        return super().smooth(array, estimate, inside=None, **options)


@fails("halve", OVERRIDE)
class HalvesByThePlaceInTheBlock(Full):
    def halve(self, image, key, start, shape, *, second):
        return super().halve(image, key, (0,) * image.ndim, shape, second=second)


@fails("agree", OVERRIDE)
class AgreesOnTheMean(Full):
    def agree(self, first, second, *, out=None):
        return np.multiply(first + second, np.float32(0.5), out=out)
