"""Backends that claim half a power, or whose fused steps are others."""

import numpy as np

from tests.testing.doubles import Bare, Full
from tests.testing.mutants.marks import BLOCKS, FUSED_ADJOINT, TRUTH, fails


@fails("powers_are_claimed_whole")
class HalfAPower(Bare):
    def convolve(self, array, transfer, *, out=None):
        return self.ifft(self.multiply(self.fft(array), transfer), array.shape, out=out)


@fails("convolve", FUSED_ADJOINT, TRUTH, BLOCKS)
class ConvolvesByTheMirrorImage(Full):
    def convolve(self, array, transfer, *, out=None):
        return super().correlate(array, transfer, out=out)


@fails("correlate", FUSED_ADJOINT, TRUTH, BLOCKS)
class CorrelatesByConvolving(Full):
    def correlate(self, array, transfer, *, out=None):
        return super().convolve(array, transfer, out=out)


@fails("ratio")
class BackgroundOverTheFloor(Full):
    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        floored = np.maximum(blurred, np.float32(floor))
        return super().ratio(image, floored, background=background, floor=floor, inside=inside, out=out)


@fails("ratio_is_0_outside_the_image", TRUTH, BLOCKS)
class RatioOutsideTheImage(Full):
    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        return super().ratio(image, blurred, background=background, floor=floor, out=out)


@fails("update")
class UpdateLetsLobesThrough(Full):
    def update(self, estimate, correction, weight, *, out=None):
        return np.multiply(estimate, correction * (1 if weight is None else weight) + 1, out=out)


@fails("update_leaves_voxels_of_weight_0")
class UpdateMovesEveryVoxel(Full):
    def update(self, estimate, correction, weight, *, out=None):
        weight = None if weight is None else np.maximum(weight, np.float32(1e-6))
        return super().update(estimate, correction, weight, out=out)
