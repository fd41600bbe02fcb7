"""Operations of regularization, overridden or not, against their formulae in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Box, Shape, Volume
from rlcore.backend.formulas import consensus
from rlcore.testing.conformance.cases import over_shapes, volume

OPTIONS: dict[str, Any] = {"weight": 0.05, "slack": 0.3, "epsilon": 0.1}
KEY = 0xFEDCBA9876543210


class Regularization:
    """`smooth`, `halve` and `agree`."""

    @over_shapes
    def test_smooth(self, engine: Backend[Any], shape: Shape) -> None:
        """`smooth` is not ``array / (1 - weight * div(g / (sqrt(|g|^2 + (slack * estimate)^2) + epsilon)))`` of an
        array that repeats, or changes the estimate.

        g holds forward differences, and div sums backward differences; without a box the last voxel of an axis is next
        to the first.
        """
        array, estimate = volume(shape, 1, low=0, high=9), volume(shape, 2, low=0, high=9)
        point, given = engine.upload(estimate), engine.upload(array.copy())
        for out in (None, given):
            smoothed = engine.smooth(given, point, **OPTIONS, inside=None, out=out)
            np.testing.assert_allclose(engine.download(smoothed), _smoothed(array, estimate, wrap=True), rtol=1e-5)
        np.testing.assert_array_equal(engine.download(point), estimate)

    @over_shapes
    def test_smooth_in_a_box(self, engine: Backend[Any], shape: Shape) -> None:
        """`smooth` takes differences across the faces of the box, or changes voxels outside it."""
        array, estimate = volume(shape, 1, low=0, high=9), volume(shape, 2, low=0, high=9)
        for first, last in ((0, 0), (1, 1), (2, 0)):
            start = tuple(min(first, n - 1) for n in shape)
            box = Box(start, tuple(max(a + 1, n - last) for a, n in zip(start, shape, strict=True)))
            part, expected = box.slices((0,) * len(shape)), array.copy()
            expected[part] = _smoothed(array[part], estimate[part], wrap=False)
            given = engine.upload(array.copy())
            for out in (None, given):
                options: Any = OPTIONS | {"inside": box, "out": out}
                smoothed = engine.smooth(given, engine.upload(estimate), **options)
                np.testing.assert_allclose(engine.download(smoothed), expected, rtol=1e-5)

    @over_shapes
    def test_halve(self, engine: Backend[Any], shape: Shape) -> None:
        """`halve` does not draw the split of ``rlcore.backend.formulas.consensus.halve``, so that results would depend
        on the backend or on the blocks.

        Check few counts, counts around and above 64, fractions of a count, a block that begins outside the image, and
        that the image is not changed.
        """
        counts = np.floor(volume(shape, 1, low=0, high=9))
        counts.flat[::3] = np.floor(volume(shape, 2, low=0, high=500)).flat[::3]
        counts.flat[::4] = volume(shape, 3, low=0, high=80).flat[::4]
        counts.flat[:4] = (0, 64, 63, 65)[: counts.size]
        start, whole = tuple(-1 - i for i in range(len(shape))), tuple(n + 3 for n in shape)
        image = engine.upload(counts)
        for second in (False, True):
            half = engine.download(engine.halve(image, KEY, start, whole, second=second))
            expected = consensus.halve(counts, KEY, start, whole, second=second)
            np.testing.assert_allclose(half, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(engine.download(image), counts)

    @over_shapes
    def test_agree(self, engine: Backend[Any], shape: Shape) -> None:
        """`agree` is not ``m * clip(5 * first * second / m^2, 0, 1)`` with ``m = (first + second) / 2``; it is 0 where
        the signs differ, and where both are 0."""
        first, second = volume(shape, 1), volume(shape, 2)
        first.flat[0] = second.flat[0] = 0
        mean = (first.astype(np.float64) + second) / 2
        square = np.where(mean == 0, 1, mean**2)
        expected = mean * np.clip(5 * first.astype(np.float64) * second / square, 0, 1)
        for number in (None, 0, 1):
            given = engine.upload(first.copy()), engine.upload(second.copy())
            agreed = engine.agree(*given, out=None if number is None else given[number])
            np.testing.assert_allclose(engine.download(agreed), expected, rtol=1e-5, atol=1e-6)


def _smoothed(array: Volume, estimate: Volume, *, wrap: bool) -> npt.NDArray[np.float64]:
    f = estimate.astype(np.float64)
    mode: Any = "wrap" if wrap else "edge"
    slopes = []
    for axis in range(f.ndim):
        ahead = [(0, int(a == axis)) for a in range(f.ndim)]
        slopes.append(np.diff(np.pad(f, ahead, mode), axis=axis))
    length = np.sqrt(sum(slope**2 for slope in slopes) + (OPTIONS["slack"] * f) ** 2) + OPTIONS["epsilon"]
    divergence = np.zeros(f.shape)
    for axis, slope in enumerate(slopes):
        behind = [(int(a == axis), 0) for a in range(f.ndim)]
        divergence += np.diff(np.pad(slope / length, behind, "wrap" if wrap else "constant"), axis=axis)
    return np.asarray(array / (1 - OPTIONS["weight"] * divergence))
