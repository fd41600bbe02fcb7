"""Backends whose steps of an iteration are wrong, or do not belong together."""

import numpy as np

from rlcore.backend import Box
from tests.testing.doubles import Bare, Full
from tests.testing.mutants.marks import BLOCKS, FUSED_ADJOINT, OVERRIDE, TRUTH, fails, spoils_all


@spoils_all("what_belongs_together_is_overridden_together", "convolve", OVERRIDE, TRUTH)
class ConvolvesSpectraWithoutCorrelating(Bare):
    """Its own `convolve` is handed the OTF of the defaults, which is no spectrum."""

    def convolve(self, array, otf, *, out=None):
        return self.ifft(self.multiply(self.fft(array), otf), array.shape, out=out)


@fails("convolve", FUSED_ADJOINT, OVERRIDE, TRUTH, BLOCKS)
class ConvolvesByTheMirrorImage(Full):
    def convolve(self, array, otf, *, out=None):
        return super().correlate(array, otf, out=out)


@fails("correlate", FUSED_ADJOINT, OVERRIDE, TRUTH, BLOCKS)
class CorrelatesByConvolving(Full):
    def correlate(self, array, otf, *, out=None):
        return super().convolve(array, otf, out=out)


@fails("convolve", "correlate", OVERRIDE, TRUTH, BLOCKS)
class ItsOTFIsThatOfTheMirrorImage(Full):
    def otf(self, psf, shape):
        return super().otf(self.flip(psf), shape)


@fails("ratio", OVERRIDE)
class BackgroundOverTheFloor(Full):
    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        floored = np.maximum(blurred, np.float32(floor))
        return super().ratio(image, floored, background=background, floor=floor, inside=inside, out=out)


@fails("ratio_is_0_outside_the_image", OVERRIDE, TRUTH, BLOCKS)
class RatioOutsideTheImage(Full):
    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        return super().ratio(image, blurred, background=background, floor=floor, out=out)


@fails("ratio_is_0_outside_the_image", OVERRIDE, TRUTH, BLOCKS)
class ItsMaskLacksAPlane(Full):
    def mask(self, inside, shape):
        return inside if inside is None else Box((inside.start[0] + 1, *inside.start[1:]), inside.stop)


@spoils_all("ratio_is_0_outside_the_image", TRUTH)
class MasksByABoxForTheDefaultRatio(Bare):
    """Its own `mask` gives the default of `ratio` a box, which it cannot multiply by."""

    def mask(self, inside, shape):
        return inside


@fails("update", OVERRIDE)
class UpdateLetsLobesThrough(Full):
    def update(self, estimate, correction, weight, *, out=None):
        return np.multiply(estimate, correction * (1 if weight is None else weight) + 1, out=out)


@fails("update_leaves_voxels_of_weight_0")
class UpdateMovesEveryVoxel(Full):
    def update(self, estimate, correction, weight, *, out=None):
        weight = None if weight is None else np.maximum(weight, np.float32(1e-6))
        return super().update(estimate, correction, weight, out=out)


@fails("predict", OVERRIDE)
class PredictsWithoutAFloor(Full):
    def predict(self, estimate, previous, momentum, *, share, out=None):
        return super().predict(estimate, previous, momentum, share=0.0, out=out)


@fails("expand", OVERRIDE, TRUTH, BLOCKS)
class ExpandsTheFirstEntries(Full):
    def expand(self, table, index):
        return super().expand(table, tuple(np.minimum(each, 1) for each in index))
