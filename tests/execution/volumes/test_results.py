"""Results are checked, every voxel of them, before a caller sees them."""

import numpy as np
import pytest

import rlcore
from rlcore.backend import Box
from rlcore.backend.boxes import Block
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.execution.volumes.results import result_for

SHAPE = (5, 512, 512)
"""More voxels than are checked at a time."""
BOX = Box((0, 0, 0), SHAPE)


def delivered(values, out):
    out = None if out is None else np.empty(SHAPE, out)
    result = result_for(NumPyBackend(), SHAPE, out, native=False)
    result.save(values, Block(BOX, BOX))
    return result.finish()


@pytest.mark.parametrize("out", [None, np.float32, np.float64])
@pytest.mark.parametrize("where", [(0, 0, 0), (2, 100, 3), (4, 511, 511)])
@pytest.mark.parametrize(
    ("value", "what"),
    [(np.nan, "NaN"), (-np.nan, "NaN"), (np.inf, "NaN"), (-np.inf, "NaN"), (-1e-38, "negative values")],
)
def test_a_single_voxel_that_no_estimate_has_is_found(value, what, where, out):
    values = np.ones(SHAPE, np.float32)
    values[where] = value
    with pytest.raises(rlcore.BackendError, match=f"backend 'numpy' .*returned .*{what}"):
        delivered(values, out)


@pytest.mark.parametrize("out", [None, np.float32, np.float64])
def test_sound_values_pass_also_the_least_and_the_greatest(out):
    values = np.ones(SHAPE, np.float32)
    values[0, 0, :4] = 0.0, -0.0, np.float32(1e-45), np.finfo(np.float32).max
    np.testing.assert_array_equal(delivered(values, out), values)
