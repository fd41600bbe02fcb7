"""`SupportsExpansion`: a small table spread over a block on the device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Shape, SupportsExpansion, SupportsFusion, real_dtype
from rlcore.testing.conformance.cases import close, over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs


class Expansion:
    """`expand` against NumPy."""

    @pytest.fixture
    def expander(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsExpansion)

    @over_shapes
    def test_expand(self, backend: Backend[Any], expander: Any, shape: Shape) -> None:
        """`expand` is not ``table[np.ix_(*index)]``, or no array that the other operations take."""
        rng = np.random.default_rng(shape)
        table = rng.standard_normal(tuple(range(2, 2 + len(shape))))
        index = tuple(rng.integers(0, size, n) for size, n in zip(table.shape, shape, strict=True))
        truth, other = table.astype(real_dtype(backend))[np.ix_(*index)], volume(shape, low=0)
        np.testing.assert_array_equal(backend.download(expander.expand(table, index)), truth)
        array = backend.upload(other)
        close(
            backend.download(backend.multiply(array, expander.expand(table, index))), truth.astype(np.float64) * other
        )
        np.testing.assert_array_equal(
            backend.download(backend.add(array, expander.expand(table, index))), truth + other
        )
        if isinstance(backend, SupportsFusion):
            updated = backend.download(backend.update(array, array, expander.expand(table, index)))
            np.testing.assert_array_equal(
                updated, backend.download(backend.update(array, array, backend.upload(truth)))
            )
