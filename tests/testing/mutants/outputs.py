"""Backends that write where they should not, or not where they should."""

import numpy as np

from tests.testing.doubles import Full
from tests.testing.mutants.marks import OVERRIDE, fails


@fails("inputs_are_untouched")
class IfftDestroysTheSpectrum(Full):
    def ifft(self, spectrum, shape, *, out=None):
        array = super().ifft(spectrum, shape, out=out)
        spectrum[...] = 0
        return array


@fails("inputs_are_untouched")
class ClampWritesIntoItsInput(Full):
    def clamp(self, array, floor, *, out=None):
        return super().clamp(array, floor, out=array if out is None else out)


@fails("out_is_filled_and_returned", "out_may_be_an_input")
class ClampIgnoresOut(Full):
    def clamp(self, array, floor, *, out=None):
        return super().clamp(array, floor)


@fails("out_may_be_an_input", OVERRIDE)
class DivideWritesTooEarly(Full):
    def divide(self, a, b, *, floor, out=None):
        if out is None:
            return super().divide(a, b, floor=floor)
        np.maximum(b, np.float32(floor), out=out)
        return np.divide(a, out, out=out)


@fails("flip_leaves_its_input")
class FlipInPlace(Full):
    def flip(self, array):
        array[...] = super().flip(array)
        return array.copy()
