"""`SupportsSummary`: one look over all voxels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Shape, SupportsSummary
from rlcore.testing.conformance.cases import over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs


class Summaries:
    """`summary` against NumPy in double precision."""

    @pytest.fixture
    def looker(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsSummary)

    @over_shapes
    def test_summary(self, backend: Backend[Any], looker: Any, shape: Shape) -> None:
        """`summary` is not the minimum, the maximum and the sum of the voxels; padding must not be counted."""
        for array in (volume(shape, low=2, high=3), volume(shape, low=-3, high=-2)):
            summary = looker.summary(backend.upload(array))
            assert (summary.minimum, summary.maximum) == (array.min(), array.max())
            assert math.isclose(summary.total, array.sum(dtype=np.float64), rel_tol=1e-9)

    def test_summary_adds_in_double_precision(self, backend: Backend[Any], looker: Any) -> None:
        """`summary` adds in single precision: the mean of a large volume, and so the start, would be wrong."""
        array = volume((64, 64, 65), low=0)
        array[0, 0, 0] = 3e7
        assert math.isclose(looker.summary(backend.upload(array)).total, array.sum(dtype=np.float64), rel_tol=1e-9)

    def test_summary_tells_of_voxels_that_are_no_numbers(self, backend: Backend[Any], looker: Any) -> None:
        """`total` is finite although a voxel is NaN or infinite, which would spread over the volume unseen."""
        for bad in (np.nan, np.inf, -np.inf):
            array = volume((5, 6, 7))
            array[4, 5, 6] = bad
            assert not math.isfinite(looker.summary(backend.upload(array)).total)
