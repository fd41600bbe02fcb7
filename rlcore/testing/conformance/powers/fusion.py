"""`SupportsFusion`: the four steps of an iteration as one operation each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Shape, SupportsFusion, Volume
from rlcore.boundary import BOUNDARIES
from rlcore.richardson_lucy import Fused
from rlcore.testing.conformance.adjoint import PROBLEMS, check_adjoint
from rlcore.testing.conformance.cases import THROUGH_FFT, circular, close, kernel, over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs


class Fusion:
    """Fused steps against their formulas."""

    @pytest.fixture
    def fused(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsFusion)

    @over_shapes
    def test_convolve(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`convolve` is not ``ifft(fft(array) * transfer)``, scaling included."""
        array, psf = volume(shape), kernel(shape)
        blurred = backend.download(fused.convolve(backend.upload(array), backend.fft(backend.upload(psf))))
        close(blurred, circular(array, psf), relative=0, of_maximum=THROUGH_FFT)

    @over_shapes
    def test_correlate(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`correlate` is not ``ifft(fft(array) * conj(transfer))``; look for a missing conjugate."""
        array, psf = volume(shape), kernel(shape)
        back = backend.download(fused.correlate(backend.upload(array), backend.fft(backend.upload(psf))))
        close(back, circular(array, psf, adjoint=True), relative=0, of_maximum=THROUGH_FFT)

    @pytest.mark.parametrize("boundary", BOUNDARIES)
    def test_correlate_is_the_adjoint_of_convolve(self, backend: Backend[Any], fused: Any, boundary: str) -> None:
        """<convolve(x), y> is not <x, correlate(y)>: features would drift; `correlate` takes conj(transfer)."""
        for image_shape, psf_shape in PROBLEMS:
            check_adjoint(backend, image_shape, psf_shape, boundary, lambda _: Fused(fused))

    @over_shapes
    def test_ratio(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`ratio` is not ``image / max(blurred + background, floor)``: the background goes in before the floor."""
        image, blurred = volume(shape, 1, low=0, high=9), volume(shape, 2, low=-2, high=2)
        blurred.flat[0] = -0.25
        for background, floor in ((0.0, 1e-4), (0.5, 0.25)):
            ratio = fused.ratio(backend.upload(image), backend.upload(blurred), background=background, floor=floor)
            divisor = np.maximum(blurred + np.float32(background), np.float32(floor))
            close(backend.download(ratio), image / divisor.astype(np.float64), relative=1e-5)

    @over_shapes
    def test_update(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`update` is not ``estimate * max(correction, 0) * weight``, with 1 for no weight; lobes of the transform make
        corrections negative."""
        estimate, correction = volume(shape, 1, low=0), volume(shape, 2)
        weight = volume(shape, 3, low=0, high=4)
        weight.flat[-1] = 0
        for given in (weight, None):
            updated = _update(backend, fused, estimate, correction, given)
            truth = estimate * np.maximum(correction.astype(np.float64), 0) * (1 if given is None else given)
            close(updated, truth, relative=1e-5)

    @over_shapes
    def test_update_holds_voxels_of_negative_weight(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`update` changes voxels whose weight is negative; they hardly reach the image, and keep what they are."""
        estimate, correction = volume(shape, 1, low=0), volume(shape, 2)
        weight = volume(shape, 3)
        weight.flat[0] = -1
        updated = _update(backend, fused, estimate, correction, weight)
        np.testing.assert_array_equal(updated[weight < 0], estimate[weight < 0])


def _update(
    backend: Backend[Any], fused: SupportsFusion[Any], estimate: Volume, correction: Volume, weight: Volume | None
) -> Volume:
    given = None if weight is None else backend.upload(weight)
    return backend.download(fused.update(backend.upload(estimate), backend.upload(correction), given))
