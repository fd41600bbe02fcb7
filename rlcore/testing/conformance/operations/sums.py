"""Sums over voxels, overridden or not, against NumPy in double precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Box, Shape
from rlcore.testing.conformance.cases import over_shapes, volume


class Sums:
    """`summary`, `planes`, `fit`, `inner_products` and `momentum`."""

    @over_shapes
    def test_summary(self, engine: Backend[Any], shape: Shape) -> None:
        """`summary` is not the minimum, the maximum and the sum of the voxels; padding must not be counted."""
        for array in (volume(shape, low=2, high=3), volume(shape, low=-3, high=-2)):
            summary = engine.summary(engine.upload(array))
            assert (summary.minimum, summary.maximum) == (array.min(), array.max())
            assert math.isclose(summary.total, array.sum(dtype=np.float64), rel_tol=1e-9)

    def test_summary_adds_in_double_precision(self, engine: Backend[Any]) -> None:
        """`summary` adds in single precision, so the mean of a large volume would be wrong, and the start with it."""
        array = volume((64, 64, 65), low=0)
        array[0, 0, 0] = 3e7
        assert math.isclose(engine.summary(engine.upload(array)).total, array.sum(dtype=np.float64), rel_tol=1e-9)

    def test_summary_tells_of_voxels_that_are_no_numbers(self, engine: Backend[Any]) -> None:
        """`total` is finite although a voxel is NaN or infinite, which would spread over the volume unnoticed."""
        for bad in (np.nan, np.inf, -np.inf):
            array = volume((5, 6, 7))
            array[4, 5, 6] = bad
            assert not math.isfinite(engine.summary(engine.upload(array)).total)

    @over_shapes
    def test_planes(self, engine: Backend[Any], shape: Shape) -> None:
        """`planes` does not return every n-th plane of the array, or changes the array.

        If work on the array is deferred, `planes` must neither miss that work nor lose it.
        """
        array, unit = volume(shape), np.zeros(shape, np.float32)
        unit[(0,) * len(shape)] = 1
        for first, step in ((0, 1), (0, 2), (1, 3)):
            count = -(-(shape[0] - first) // step)
            if count < 1:
                continue
            plain = engine.upload(array)
            np.testing.assert_array_equal(engine.download(engine.planes(plain, first, step, count)), array[first::step])
            transformed = engine.ifft(engine.multiply(engine.fft(plain), engine.fft(engine.upload(unit))), shape)
            taken = engine.download(engine.planes(transformed, first, step, count))
            np.testing.assert_array_equal(taken, engine.download(transformed)[first::step])
            np.testing.assert_array_equal(engine.download(plain), array)

    @over_shapes
    def test_fit(self, engine: Backend[Any], shape: Shape) -> None:
        """`fit` is not the I-divergence, the sum of the model and the sum of the data in the box, or it counts voxels
        outside the box, or changes an array."""
        counts, blurred = np.floor(volume(shape, 1, low=0, high=9)), volume(shape, 2, low=-1, high=9)
        box = Box(tuple(min(1, n - 1) for n in shape), shape)
        part = box.slices((0,) * len(shape))
        model = np.maximum(blurred[part].astype(np.float64) + 0.5, 0.25)
        d = counts[part].astype(np.float64)
        divergence = np.sum(d * np.log(np.where(d > 0, d, 1) / np.where(d > 0, model, 1)) - d + model)
        arrays = engine.upload(counts), engine.upload(blurred)
        found = engine.fit(*arrays, background=0.5, floor=0.25, inside=box)
        assert found.light == pytest.approx(model.sum(), rel=1e-6)
        assert found.counts == pytest.approx(d.sum(), rel=1e-6)
        assert found.divergence == pytest.approx(divergence, rel=1e-5, abs=1e-5 * model.sum())
        for array, values in zip(arrays, (counts, blurred), strict=True):
            np.testing.assert_array_equal(engine.download(array), values)

    @over_shapes
    def test_inner_products(self, engine: Backend[Any], shape: Shape) -> None:
        """`inner_products` is not the sums of ``u * v / before`` and ``v * v / before`` in the box, with ``u = estimate
        - point`` and ``v = previous - before``.

        Check that voxels outside the box are left out, that a voxel where both `previous` and `before` are 0 adds 0,
        and that no array is changed.
        """
        given = [volume(shape, seed, low=1, high=9) for seed in range(4)]
        box = Box(tuple(min(1, n - 1) for n in shape), tuple(max(n - 1, min(2, n)) for n in shape))
        given[2][box.start] = given[3][box.start] = 0
        estimate, point, previous, before = (array[box.slices((0,) * len(shape))].astype(np.float64) for array in given)
        newer, older = estimate - point, previous - before
        share = older / np.where(before > 0, before, 1)
        square = float(np.sum(older * share))
        arrays = [engine.upload(array) for array in given]
        found = engine.inner_products(*arrays, inside=box)
        assert isinstance(found.product, float), "the sums are no Python floats"
        assert found.square == pytest.approx(square, rel=1e-5)
        assert found.product == pytest.approx(np.sum(newer * share), rel=1e-5, abs=1e-5 * square)
        for array, values in zip(arrays, given, strict=True):
            np.testing.assert_array_equal(engine.download(array), values)

    @over_shapes
    def test_momentum(self, engine: Backend[Any], shape: Shape) -> None:
        """`momentum` is not the quotient of the inner products within 0 and the maximum, or `predict` does not take it.

        It is 0 if the steps oppose each other, and if there was no older step.
        """
        values, older = (volume(shape, seed, low=4, high=6) for seed in (0, 1))
        point, before, ahead = map(engine.upload, (values, older, older + np.float32(1)))
        inside = Box((0,) * len(shape), shape)
        for expected, step in ((0.25, 0.25), (0.5, 2.0), (0.0, -1.0)):
            estimate = engine.upload(values + np.float32(step))
            found = engine.momentum(estimate, point, ahead, before, inside=inside, maximum=0.5)
            assert float(found) == pytest.approx(expected, rel=1e-5)
            by_number = engine.predict(estimate, point, expected, share=0.75)
            np.testing.assert_allclose(
                engine.download(engine.predict(estimate, point, found, share=0.75)),
                engine.download(by_number),
                rtol=1e-5,
            )
        assert float(engine.momentum(estimate, point, before, before, inside=inside, maximum=0.5)) == 0
