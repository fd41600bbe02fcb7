"""`SupportsLikeness` and `SupportsFactor`: how alike two steps are, and the factor that this makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Shape, SupportsFactor, SupportsLikeness, SupportsPrediction
from rlcore.backend.boxes import Box
from rlcore.testing.conformance.cases import over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs


class Likenesses:
    """`inner_products` against NumPy in double precision."""

    @pytest.fixture
    def comparer(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsLikeness)

    @over_shapes
    def test_likeness(self, backend: Backend[Any], comparer: Any, shape: Shape) -> None:
        """`inner_products` is not the sums of ``u * v / before`` and ``v * v / before`` in the box, with ``u = estimate -
        point`` and ``v = previous - before``; or counts what is outside the box, or fails where both are 0."""
        given = [volume(shape, seed, low=1, high=9) for seed in range(4)]
        given[2].flat[-1] = given[3].flat[-1] = 0
        box = Box(tuple(min(1, n - 1) for n in shape), tuple(max(n - 1, min(2, n)) for n in shape))
        estimate, point, previous, before = (array[box.slices((0,) * len(shape))].astype(np.float64) for array in given)
        newer, older = estimate - point, previous - before
        share = older / np.where(before > 0, before, 1)
        arrays = [backend.upload(array) for array in given]
        product, square = map(float, comparer.inner_products(*arrays, inside=box))
        assert square == pytest.approx(np.sum(older * share), rel=1e-5)
        assert product == pytest.approx(np.sum(newer * share), rel=1e-5, abs=1e-5 * float(np.sum(older * share)))
        for array, values in zip(arrays, given, strict=True):
            np.testing.assert_array_equal(backend.download(array), values)

    @over_shapes
    def test_factor(self, backend: Backend[Any], comparer: Any, shape: Shape) -> None:
        """`factor` is not ``product / square`` within 0 and `most`, or not 0 where the square is; or `predict` does not
        take it as it takes the number."""
        factors: Any = needs(backend, SupportsFactor)
        box = Box((0,) * len(shape), shape)
        first, second, third = (backend.upload(volume(shape, seed, low=1, high=9)) for seed in range(3))
        steps = {
            "as long": ((first, second, first, second), 1.0),
            "back": ((second, first, first, second), 0.0),
            "from none": ((first, second, third, third), 0.0),
        }
        for most in (0.999, 0.25):
            for told, expected in steps.values():
                factor = factors.factor(comparer.inner_products(*told, inside=box), most=most)
                assert float(factor) == pytest.approx(min(expected, most), rel=1e-6, abs=1e-12)
                if isinstance(backend, SupportsPrediction):
                    ours, number = (
                        backend.download(backend.predict(first, third, c, least=0.5)) for c in (factor, float(factor))
                    )
                    np.testing.assert_allclose(ours, number, rtol=1e-6)
