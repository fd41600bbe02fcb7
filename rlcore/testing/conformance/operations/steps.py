"""The steps of an iteration, overridden or not, against their formulae in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.backend import Backend, Box, Shape, Volume
from rlcore.testing.conformance.cases import THROUGH_FFT, circular, close, kernel, over_shapes, volume
from rlcore.testing.conformance.operations.defaults import needs_override
from rlcore.testing.conformance.operations.required import check_adjoint


class Steps:
    """`otf`, `convolve`, `correlate`, `mask`, `ratio`, `update`, `predict` and `expand`."""

    @over_shapes
    def test_convolve(self, engine: Backend[Any], shape: Shape) -> None:
        """`convolve` is not ``ifft(fft(array) * otf)``, scaling included; check it together with `otf`."""
        array, psf = volume(shape), kernel(shape)
        blurred = engine.download(engine.convolve(engine.upload(array), engine.otf(engine.upload(psf), shape)))
        close(blurred, circular(array, psf), relative=0, of_maximum=THROUGH_FFT)

    @over_shapes
    def test_correlate(self, engine: Backend[Any], shape: Shape) -> None:
        """`correlate` is not ``ifft(fft(array) * conj(otf))``; check for a missing conjugate, then check `otf`."""
        array, psf = volume(shape), kernel(shape)
        back = engine.download(engine.correlate(engine.upload(array), engine.otf(engine.upload(psf), shape)))
        close(back, circular(array, psf, adjoint=True), relative=0, of_maximum=THROUGH_FFT)

    @pytest.mark.parametrize("boundary", BOUNDARIES)
    def test_correlate_is_the_adjoint_of_convolve(self, engine: Backend[Any], boundary: str) -> None:
        """<convolve(x), y> is not <x, correlate(y)>, so restored features would drift; `correlate` takes the conjugate
        of the same OTF."""
        needs_override(engine, "convolve", "correlate")
        check_adjoint(engine, boundary)

    @over_shapes
    def test_ratio(self, engine: Backend[Any], shape: Shape) -> None:
        """`ratio` is not ``image / max(blurred + background, floor) - 1``.

        The background is added before the floor is applied, and 1 is subtracted after the division.
        """
        image, blurred = volume(shape, 1, low=0, high=9), volume(shape, 2, low=-2, high=2)
        blurred.flat[0] = -0.25
        for background, floor in ((0.0, 1e-4), (0.5, 0.25)):
            truth = _ratio(image, blurred, background, floor)
            ratio = engine.ratio(engine.upload(image), engine.upload(blurred), background=background, floor=floor)
            np.testing.assert_allclose(engine.download(ratio), truth, rtol=1e-5, atol=1e-6)

    @over_shapes
    def test_ratio_is_0_outside_the_image(self, engine: Backend[Any], shape: Shape) -> None:
        """`ratio` is not 0 outside the mask, or not the ratio less 1 inside it.

        There are no data outside the mask, and a 0 inside it was measured. Check `ratio` together with `mask`.
        """
        image, blurred = volume(shape, 1, low=0, high=9), volume(shape, 2, low=1, high=2)
        image[(0,) * len(shape)] = 0
        truth = _ratio(image, blurred, 0.5, 1e-4)
        for inside in _boxes(shape):
            part = inside.slices((0,) * len(shape))
            expected = np.zeros(shape)
            expected[part] = truth[part]
            for out in (None, engine.upload(blurred)):
                given = engine.upload(blurred) if out is None else out
                options: Any = {"background": 0.5, "floor": 1e-4, "inside": engine.mask(inside, shape), "out": out}
                ratio = engine.download(engine.ratio(engine.upload(image), given, **options))
                np.testing.assert_allclose(ratio, expected, rtol=1e-5, atol=1e-6)

    @over_shapes
    def test_update(self, engine: Backend[Any], shape: Shape) -> None:
        """`update` is not ``estimate * max(1 + weight * correction, 0)``, or takes None for another weight than 1.

        Corrections below -1 occur, since transforms have side lobes.
        """
        estimate, correction = volume(shape, 1, low=0), volume(shape, 2, low=-2, high=2)
        weight = volume(shape, 3, low=0, high=4)
        for given in (weight, None):
            updated = _update(engine, estimate, correction, given)
            factor = correction.astype(np.float64) * (1 if given is None else given)
            np.testing.assert_allclose(updated, estimate * np.maximum(1 + factor, 0), rtol=1e-5, atol=1e-6)

    @over_shapes
    def test_update_leaves_voxels_of_weight_0(self, engine: Backend[Any], shape: Shape) -> None:
        """`update` changes voxels of weight 0; they hardly reach the image, and have to stay the same to the bit."""
        estimate, correction = volume(shape, 1, low=0), volume(shape, 2, low=-1, high=1)
        weight = np.maximum(volume(shape, 3), 0)
        weight.flat[0] = 0
        updated = _update(engine, estimate, correction, weight)
        np.testing.assert_array_equal(updated[weight == 0], estimate[weight == 0])

    @over_shapes
    def test_predict(self, engine: Backend[Any], shape: Shape) -> None:
        """`predict` is not ``max(estimate + momentum * (estimate - previous), share * estimate)``, changes the
        estimate, or goes wrong where `out` is the previous estimate; voxels of 0 have to stay 0."""
        estimate, previous = volume(shape, 1, low=0, high=9), volume(shape, 2, low=0, high=9)
        estimate.flat[0] = 0
        for momentum in (0.0, 0.75):
            step = estimate.astype(np.float64) - previous
            truth = np.maximum(estimate + momentum * step, 0.5 * estimate)
            ours, before = engine.upload(estimate), engine.upload(previous)
            for out in (None, before):
                point = engine.download(engine.predict(ours, before, momentum, share=0.5, out=out))
                np.testing.assert_allclose(point, truth, rtol=1e-5, atol=1e-6 * float(truth.max()))
                assert point.flat[0] == 0
            np.testing.assert_array_equal(engine.download(ours), estimate)

    @over_shapes
    def test_expand(self, engine: Backend[Any], shape: Shape) -> None:
        """`expand` is not ``table[np.ix_(*index)]``, or its result is no array that the other operations take."""
        rng = np.random.default_rng(shape)
        table = rng.standard_normal(tuple(range(2, 2 + len(shape))))
        index = tuple(rng.integers(0, size, n) for size, n in zip(table.shape, shape, strict=True))
        truth, other = table.astype(engine.facts.dtype)[np.ix_(*index)], volume(shape, low=0)
        np.testing.assert_array_equal(engine.download(engine.expand(table, index)), truth)
        array = engine.upload(other)
        product = engine.download(engine.multiply(array, engine.expand(table, index)))
        close(product, truth.astype(np.float64) * other)
        np.testing.assert_array_equal(engine.download(engine.add(array, engine.expand(table, index))), truth + other)
        expanded, uploaded = (
            engine.download(engine.update(array, engine.upload(other), weight))
            for weight in (engine.expand(table, index), engine.upload(truth))
        )
        np.testing.assert_array_equal(expanded, uploaded)


def _ratio(image: Volume, blurred: Volume, background: float, floor: float) -> Volume:
    divisor = np.maximum(blurred + np.float32(background), np.float32(floor))
    less_one: Volume = image / divisor.astype(np.float64) - 1
    return less_one


def _boxes(shape: Shape) -> list[Box]:
    """The middle, a corner, and a box of one voxel."""
    middle = Box(tuple(n // 4 for n in shape), tuple(n - n // 4 for n in shape))
    corner = Box((0,) * len(shape), tuple(max(1, n - 1) for n in shape))
    return [middle, corner, Box(tuple(n - 1 for n in shape), shape)]


def _update(engine: Backend[Any], estimate: Volume, correction: Volume, weight: Volume | None) -> Volume:
    given = None if weight is None else engine.upload(weight)
    return engine.download(engine.update(engine.upload(estimate), engine.upload(correction), given))
