"""Backends that give the planner wrong answers."""

from dataclasses import replace

import numpy as np

from rlcore.backend import Footprint
from tests.testing.doubles import Bare, Full
from tests.testing.mutants.marks import ADJOINT, BLOCKS, FUSED_ADJOINT, TRUTH, fails, spoils_all


@fails("it_names_itself_and_its_device")
class DeviceWithoutName(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self.device = ""


@spoils_all("arrays_are_of_single_precision_at_least", "download_gives_back_what_was_uploaded", TRUTH)
class SaysHalfPrecision(Bare):
    dtype = np.dtype(np.float16)


@fails("free_bytes_are_a_positive_whole_number")
class FreeIsNoWholeNumber(Full):
    def free_bytes(self):
        return super().free_bytes() + 0.5


@fails("footprint_holds_an_array_and_its_spectrum")
class FootprintInVoxels(Full):
    def footprint(self, shape):
        plain = super().footprint(shape)
        return Footprint(plain.real // 4, plain.spectrum // 4, plain.scratch)


@fails("the_measured_peak_stays_below_the_footprint")
class FootprintWithoutWorkAreas(Full):
    def footprint(self, shape):
        return replace(super().footprint(shape), scratch=0)


@fails("fast_shape_is_no_smaller", "a_plan_can_be_made", ADJOINT, FUSED_ADJOINT, TRUTH, BLOCKS)
class FastShapeRoundsDown(Full):
    def fast_shape(self, shape):
        return tuple(max(1, n - n % 2) for n in shape)


@fails("fast_shape_is_no_smaller")
class FastShapeNeverSettles(Full):
    def fast_shape(self, shape):
        return tuple(n + 1 for n in shape)


@fails("cost_is_positive_and_finite")
class CostIsInfinite(Full):
    def cost(self, shape):
        return super().cost(shape) if min(shape) > 1 else float("inf")
