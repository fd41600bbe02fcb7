"""Backends that calculate wrongly."""

import numpy as np

from tests.testing.doubles import Full
from tests.testing.mutants.marks import ADJOINT, OVERRIDE, fails


@fails("multiply", "expand", OVERRIDE)
class MultiplyAddsATrifle(Full):
    def multiply(self, a, b, *, out=None):
        trifle = 0 if np.iscomplexobj(a) else np.float32(1e-5)
        return np.add(a * b, trifle, out=out)


@fails("add", OVERRIDE)
class AddsWholeNumbersOnly(Full):
    def add(self, a, b, *, out=None):
        return super().add(a, b if isinstance(b, np.ndarray) else np.ceil(b), out=out)


@fails("divide", OVERRIDE)
class DividesByTheSum(Full):
    def divide(self, a, b, *, floor, out=None):
        return np.divide(a, np.maximum(b, 0) + np.float32(floor), out=out)


@fails("divide", "divide_by_nothing_is_finite", OVERRIDE)
class InfiniteAtZero(Full):
    def divide(self, a, b, *, floor, out=None):
        with np.errstate(all="ignore"):
            return np.divide(a, b, out=out)


@fails("divide_by_nothing_is_finite")
class FloorsNoLowerThanThis(Full):
    def divide(self, a, b, *, floor, out=None):
        return super().divide(a, b, floor=max(floor, 1e-6), out=out)


@fails("clamp", OVERRIDE)
class ClampsAboveToo(Full):
    def clamp(self, array, floor, *, out=None):
        return np.clip(array, np.float32(floor), np.float32(2.5), out=out)


@fails("flip_mirrors_about_voxel_0", ADJOINT, OVERRIDE)
class FlipOffByOne(Full):
    def flip(self, array):
        return np.flip(array).copy()


@fails("flip_mirrors_about_voxel_0", "flip_twice_changes_nothing", ADJOINT, OVERRIDE)
class FlipOnlyRolls(Full):
    def flip(self, array):
        return np.roll(array, 1, axis=-1)
