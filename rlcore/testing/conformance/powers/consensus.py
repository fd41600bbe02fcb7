"""`SupportsHalving` and `SupportsAgreement`: two halves of the counts, and what they agree on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.algorithm import consensus
from rlcore.backend import Backend, Shape, SupportsAgreement, SupportsHalving
from rlcore.testing.conformance.cases import over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs

KEY = 0xFEDCBA9876543210


class Halving:
    """`halve` against what NumPy draws."""

    @pytest.fixture
    def halver(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsHalving)

    @over_shapes
    def test_halve(self, backend: Backend[Any], halver: Any, shape: Shape) -> None:
        """`halve` does not draw what ``rlcore.backend.formulas.consensus.halve`` draws, of few counts, many or fractions, or by another
        place in the image; results would depend on the backend or on how a volume is cut."""
        counts = np.floor(volume(shape, 1, low=0, high=9))
        counts.flat[::3] = np.floor(volume(shape, 2, low=0, high=500)).flat[::3]
        counts.flat[::4] = volume(shape, 3, low=0, high=80).flat[::4]
        counts.flat[:4] = (0, 64, 63, 65)[: counts.size]
        start, whole = tuple(-1 - i for i in range(len(shape))), tuple(n + 3 for n in shape)
        image = backend.upload(counts)
        for other in (False, True):
            half = backend.download(halver.halve(image, KEY, start, whole, other=other))
            expected = consensus.halve(counts, KEY, start, whole, other=other)
            np.testing.assert_allclose(half, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(backend.download(image), counts)


class Agreement:
    """`agree` against its formula."""

    @pytest.fixture
    def agreer(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsAgreement)

    @over_shapes
    def test_agree(self, backend: Backend[Any], agreer: Any, shape: Shape) -> None:
        """`agree` is not ``m * clip(5 * first * second / m^2, 0, 1)`` with ``m = (first + second) / 2``: 0 where signs
        differ, and where both are 0."""
        first, second = volume(shape, 1), volume(shape, 2)
        first.flat[0] = second.flat[0] = 0
        mean = (first.astype(np.float64) + second) / 2
        square = np.where(mean == 0, 1, mean**2)
        expected = mean * np.clip(5 * first.astype(np.float64) * second / square, 0, 1)
        for number in (None, 0, 1):
            given = backend.upload(first.copy()), backend.upload(second.copy())
            agreed = agreer.agree(*given, out=None if number is None else given[number])
            np.testing.assert_allclose(backend.download(agreed), expected, rtol=1e-5, atol=1e-6)
