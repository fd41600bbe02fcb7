"""Backends whose transforms are not those of each other, or of any."""

import numpy as np

from tests.testing.doubles import Full
from tests.testing.mutants.marks import ADJOINT, BLOCKS, FUSED_ADJOINT, OVERRIDE, PRODUCTS, TRUTH, fails


@fails(
    "ifft_undoes_fft",
    "fast_shapes_can_be_transformed",
    *PRODUCTS,
    "a_stream_has_finished_when_it_is_left",
    TRUTH,
    BLOCKS,
)
class IfftUnnormalised(Full):
    def ifft(self, spectrum, shape, *, out=None):
        return np.multiply(super().ifft(spectrum, shape), np.float32(np.prod(shape)), out=out)


@fails("ifft_undoes_fft", *PRODUCTS, ADJOINT, FUSED_ADJOINT, TRUTH)
class IfftIgnoresAnOddLastAxis(Full):
    def ifft(self, spectrum, shape, *, out=None):
        even = super().ifft(spectrum, (*shape[:-1], max(1, 2 * (spectrum.shape[-1] - 1))))
        whole = np.zeros(shape, self.dtype) if out is None else out
        whole[...] = np.pad(even, [(0, 0)] * (len(shape) - 1) + [(0, shape[-1] - even.shape[-1])])
        return whole


@fails(*PRODUCTS, TRUTH, BLOCKS)
class ScalesInTheWrongTransform(Full):
    def fft(self, array, *, out=None):
        spectrum = super().fft(array, out=out)
        spectrum /= array.size
        return spectrum

    def ifft(self, spectrum, shape, *, out=None):
        array = super().ifft(spectrum, shape, out=out)
        array *= array.size
        return array


@fails(*PRODUCTS, ADJOINT, OVERRIDE, TRUTH, BLOCKS)
class TransformsTheLastAxisOnly(Full):
    def fft(self, array, *, out=None):
        spectrum = np.fft.rfft(array).astype(np.complex64)
        return spectrum if out is None else np.multiply(spectrum, 1, out=out)

    def ifft(self, spectrum, shape, *, out=None):
        return np.multiply(np.fft.irfft(spectrum, n=shape[-1]).astype(np.float32), 1, out=out)


@fails(
    "ifft_undoes_fft",
    "fast_shapes_can_be_transformed",
    *PRODUCTS,
    ADJOINT,
    FUSED_ADJOINT,
    TRUTH,
    BLOCKS,
    "a_stream_has_finished_when_it_is_left",
)
class TransformsInHalfPrecision(Full):
    def ifft(self, spectrum, shape, *, out=None):
        halved = spectrum.view(np.float32).astype(np.float16).astype(np.float32).view(np.complex64)
        return super().ifft(halved, shape, out=out)
