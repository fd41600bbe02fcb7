"""`SupportsPrediction`: the point that an accelerated step starts from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Shape, SupportsPrediction
from rlcore.testing.conformance.cases import over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs


class Prediction:
    """`predict` against NumPy."""

    @pytest.fixture
    def predictor(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsPrediction)

    @over_shapes
    def test_predict(self, backend: Backend[Any], predictor: Any, shape: Shape) -> None:
        """`predict` is not ``max(estimate + factor * (estimate - previous), least * estimate)``, or changes the
        estimate; zeros have to stay zeros."""
        estimate, previous = volume(shape, 1, low=0, high=9), volume(shape, 2, low=0, high=9)
        estimate.flat[0] = 0
        truth = np.maximum(estimate + 0.75 * (estimate.astype(np.float64) - previous), 0.5 * estimate)
        ours, before = backend.upload(estimate), backend.upload(previous)
        for out in (None, before):
            point = backend.download(predictor.predict(ours, before, 0.75, least=0.5, out=out))
            np.testing.assert_allclose(point, truth, rtol=1e-5, atol=1e-6 * float(truth.max()))
            assert point.flat[0] == 0
        np.testing.assert_array_equal(backend.download(ours), estimate)
