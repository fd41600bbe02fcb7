"""`SupportsVariation`: what keeps neighbouring voxels alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rlcore.backend import Backend, Shape, SupportsVariation, Volume
from rlcore.backend.boxes import Box
from rlcore.testing.conformance.cases import over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs

OPTIONS: dict[str, Any] = {"share": 0.05, "slack": 0.3, "least": 0.1}


class Variation:
    """`smooth` against its formula."""

    @pytest.fixture
    def smoother(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsVariation)

    @over_shapes
    def test_smooth(self, backend: Backend[Any], smoother: Any, shape: Shape) -> None:
        """`smooth` is not ``array / (1 - share * div(g / (sqrt(|g|^2 + (slack * estimate)^2) + least)))``, g being
        forward differences and div backward ones, of an array that repeats where no box is given; or changes the
        estimate."""
        array, estimate = volume(shape, 1, low=0, high=9), volume(shape, 2, low=0, high=9)
        point, given = backend.upload(estimate), backend.upload(array.copy())
        for out in (None, given):
            smoothed = smoother.smooth(given, point, **OPTIONS, inside=None, out=out)
            np.testing.assert_allclose(backend.download(smoothed), _smoothed(array, estimate, wrap=True), rtol=1e-5)
        np.testing.assert_array_equal(backend.download(point), estimate)

    @over_shapes
    def test_smooth_in_a_box(self, backend: Backend[Any], smoother: Any, shape: Shape) -> None:
        """`smooth` takes differences across the faces of the box, or changes what is outside it."""
        array, estimate = volume(shape, 1, low=0, high=9), volume(shape, 2, low=0, high=9)
        for first, last in ((0, 0), (1, 1), (2, 0)):
            start = tuple(min(first, n - 1) for n in shape)
            box = Box(start, tuple(max(a + 1, n - last) for a, n in zip(start, shape, strict=True)))
            part, expected = box.slices((0,) * len(shape)), array.copy()
            expected[part] = _smoothed(array[part], estimate[part], wrap=False)
            given = backend.upload(array.copy())
            for out in (None, given):
                options: Any = OPTIONS | {"inside": box, "out": out}
                smoothed = smoother.smooth(given, backend.upload(estimate), **options)
                np.testing.assert_allclose(backend.download(smoothed), expected, rtol=1e-5)


def _smoothed(array: Volume, estimate: Volume, *, wrap: bool) -> npt.NDArray[np.float64]:
    f = estimate.astype(np.float64)
    mode: Any = "wrap" if wrap else "edge"
    slopes = []
    for axis in range(f.ndim):
        ahead = [(0, int(a == axis)) for a in range(f.ndim)]
        slopes.append(np.diff(np.pad(f, ahead, mode), axis=axis))
    length = np.sqrt(sum(slope**2 for slope in slopes) + (OPTIONS["slack"] * f) ** 2) + OPTIONS["least"]
    divergence = np.zeros(f.shape)
    for axis, slope in enumerate(slopes):
        behind = [(int(a == axis), 0) for a in range(f.ndim)]
        divergence += np.diff(np.pad(slope / length, behind, "wrap" if wrap else "constant"), axis=axis)
    return np.asarray(array / (1 - OPTIONS["share"] * divergence))
