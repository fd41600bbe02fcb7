"""`SupportsFusion`: the four steps of an iteration as one operation each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.algorithm.steps import Fused
from rlcore.backend import Backend, Shape, SupportsFusion, Volume
from rlcore.backend.boxes import Box
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
            check_adjoint(backend, image_shape, psf_shape, boundary, lambda shape: Fused(fused, shape))

    @over_shapes
    def test_ratio(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`ratio` is not ``image / max(blurred + background, floor) - 1``: the background goes in before the floor, and
        the 1 is taken off after the division."""
        image, blurred = volume(shape, 1, low=0, high=9), volume(shape, 2, low=-2, high=2)
        blurred.flat[0] = -0.25
        for background, floor in ((0.0, 1e-4), (0.5, 0.25)):
            truth = _ratio(image, blurred, background, floor)
            ratio = fused.ratio(backend.upload(image), backend.upload(blurred), background=background, floor=floor)
            np.testing.assert_allclose(backend.download(ratio), truth, rtol=1e-5, atol=1e-6)

    @over_shapes
    def test_ratio_is_0_outside_the_image(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`ratio` is not 0 outside the box `inside`, or not the ratio less 1 inside it: no data are outside, and a
        0 inside is a measured one."""
        image, blurred = volume(shape, 1, low=0, high=9), volume(shape, 2, low=1, high=2)
        image[(0,) * len(shape)] = 0
        truth = _ratio(image, blurred, 0.5, 1e-4)
        for inside in _boxes(shape):
            part = inside.slices((0,) * len(shape))
            expected = np.zeros(shape)
            expected[part] = truth[part]
            for out in (None, backend.upload(blurred)):
                given = backend.upload(blurred) if out is None else out
                options: Any = {"background": 0.5, "floor": 1e-4, "inside": inside, "out": out}
                ratio = backend.download(fused.ratio(backend.upload(image), given, **options))
                np.testing.assert_allclose(ratio, expected, rtol=1e-5, atol=1e-6)

    @over_shapes
    def test_update(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`update` is not ``estimate * max(1 + weight * correction, 0)``, with 1 for no weight; lobes of the transform
        make corrections less than -1."""
        estimate, correction = volume(shape, 1, low=0), volume(shape, 2, low=-2, high=2)
        weight = volume(shape, 3, low=0, high=4)
        for given in (weight, None):
            updated = _update(backend, fused, estimate, correction, given)
            factor = correction.astype(np.float64) * (1 if given is None else given)
            np.testing.assert_allclose(updated, estimate * np.maximum(1 + factor, 0), rtol=1e-5, atol=1e-6)

    @over_shapes
    def test_update_leaves_voxels_of_weight_0(self, backend: Backend[Any], fused: Any, shape: Shape) -> None:
        """`update` changes voxels whose weight is 0; they hardly reach the image, and keep what they are to the bit."""
        estimate, correction = volume(shape, 1, low=0), volume(shape, 2, low=-1, high=1)
        weight = np.maximum(volume(shape, 3), 0)
        weight.flat[0] = 0
        updated = _update(backend, fused, estimate, correction, weight)
        np.testing.assert_array_equal(updated[weight == 0], estimate[weight == 0])


def _ratio(image: Volume, blurred: Volume, background: float, floor: float) -> Volume:
    divisor = np.maximum(blurred + np.float32(background), np.float32(floor))
    less_one: Volume = image / divisor.astype(np.float64) - 1
    return less_one


def _boxes(shape: Shape) -> list[Box]:
    """The middle, a corner, and a box of one voxel."""
    middle = Box(tuple(n // 4 for n in shape), tuple(n - n // 4 for n in shape))
    corner = Box((0,) * len(shape), tuple(max(1, n - 1) for n in shape))
    return [middle, corner, Box(tuple(n - 1 for n in shape), shape)]


def _update(
    backend: Backend[Any], fused: SupportsFusion[Any], estimate: Volume, correction: Volume, weight: Volume | None
) -> Volume:
    given = None if weight is None else backend.upload(weight)
    return backend.download(fused.update(backend.upload(estimate), backend.upload(correction), given))
