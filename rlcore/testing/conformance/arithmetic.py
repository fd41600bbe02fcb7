"""Arithmetic on real arrays, voxel by voxel, and the mirror."""

from __future__ import annotations

from typing import Any

import numpy as np

from rlcore.backend import Backend, Shape
from rlcore.testing.conformance.cases import close, over_shapes, volume


class Arithmetic:
    """`multiply`, `add`, `divide`, `clamp` and `flip` against NumPy in double precision."""

    @over_shapes
    def test_multiply(self, backend: Backend[Any], shape: Shape) -> None:
        """`multiply` of two real arrays is not their product."""
        a, b = volume(shape, 1), volume(shape, 2)
        close(backend.download(backend.multiply(backend.upload(a), backend.upload(b))), a.astype(np.float64) * b)

    @over_shapes
    def test_add(self, backend: Backend[Any], shape: Shape) -> None:
        """`add` is not the sum of two real arrays, or of a real array and a number."""
        a, b = volume(shape, 1, low=0), volume(shape, 2, low=0)
        close(backend.download(backend.add(backend.upload(a), backend.upload(b))), a.astype(np.float64) + b)
        close(backend.download(backend.add(backend.upload(a), 2.5)), a.astype(np.float64) + 2.5)

    @over_shapes
    def test_divide(self, backend: Backend[Any], shape: Shape) -> None:
        """`divide` is not ``a / max(b, floor)``; the floor goes under the divisor, not under the quotient."""
        a, b = volume(shape, 1), volume(shape, 2)
        quotient = backend.download(backend.divide(backend.upload(a), backend.upload(b), floor=0.25))
        close(quotient, a / np.maximum(b.astype(np.float64), 0.25))

    def test_divide_by_nothing_is_finite(self, backend: Backend[Any]) -> None:
        """x / 0 came out infinite or NaN, which one transform spreads over the volume; divide by ``max(b, floor)``."""
        a = volume((5, 6, 7), low=0, high=1e4)
        a[0] = 0
        b = np.zeros_like(a)
        b[:, 3:] = -1
        for floor in (1e-4, 1e-8, 1e-20):
            quotient = backend.download(backend.divide(backend.upload(a), backend.upload(b), floor=floor))
            close(quotient, a / np.float64(floor))

    @over_shapes
    def test_clamp(self, backend: Backend[Any], shape: Shape) -> None:
        """`clamp` is not ``max(array, floor)``; a floor may be negative, and nothing is cut off above."""
        array = volume(shape, low=-3, high=3)
        for floor in (0.0, -1.5, 1.5):
            clamped = backend.download(backend.clamp(backend.upload(array), floor))
            np.testing.assert_array_equal(clamped, np.maximum(array, np.float32(floor)))

    @over_shapes
    def test_flip_mirrors_about_voxel_0(self, backend: Backend[Any], shape: Shape) -> None:
        """`flip` does not take voxel i to (-i) mod n on every axis: features would drift by a voxel.

        Plain reversal is off by one: it has to be rolled by 1, so that voxel 0 stays where it is.
        """
        array = volume(shape)
        axes = tuple(range(array.ndim))
        mirrored = np.roll(np.flip(array), (1,) * array.ndim, axes)
        np.testing.assert_array_equal(backend.download(backend.flip(backend.upload(array))), mirrored)

    @over_shapes
    def test_flip_twice_changes_nothing(self, backend: Backend[Any], shape: Shape) -> None:
        """``flip(flip(x))`` is not x: `flip` is no mirror about any voxel; see what it does along odd and even axes."""
        array = volume(shape)
        twice = backend.flip(backend.flip(backend.upload(array)))
        np.testing.assert_array_equal(backend.download(twice), array)
