"""The transform, and the products of spectra that are convolutions."""

from __future__ import annotations

from typing import Any

from rlcore.backend import Backend, Shape
from rlcore.testing.conformance.cases import THROUGH_FFT, circular, close, kernel, over_shapes, volume


class Transforms:
    """`fft`, `ifft` and `multiply` of spectra against NumPy in double precision."""

    @over_shapes
    def test_ifft_undoes_fft(self, backend: Backend[Any], shape: Shape) -> None:
        """``ifft(fft(x), shape)`` is not x: a scale of the size is missing, or an odd last axis is taken for even."""
        array = volume(shape)
        back = backend.download(backend.ifft(backend.fft(backend.upload(array)), shape))
        assert back.shape == array.shape
        close(back, array, relative=0, of_maximum=THROUGH_FFT)

    @over_shapes
    def test_the_product_of_spectra_is_a_convolution(self, backend: Backend[Any], shape: Shape) -> None:
        """``ifft(fft(x) * fft(h))`` is not the circular convolution; look at `multiply` of spectra, a scale in `fft`
        rather than `ifft`, and axes that are not transformed."""
        array, psf = volume(shape), kernel(shape)
        product = backend.multiply(backend.fft(backend.upload(array)), backend.fft(backend.upload(psf)))
        blurred = backend.download(backend.ifft(product, shape))
        close(blurred, circular(array, psf), relative=0, of_maximum=THROUGH_FFT)
