"""Results are checked, every voxel of them, before a caller sees them."""

from dataclasses import replace

import numpy as np
import pytest

import rlcore
from rlcore.backend import Box, Summary
from rlcore.backend.boxes import Block
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.execution.volumes.results import result_for

SHAPE = (5, 512, 512)
"""More voxels than are checked at a time."""
BOX = Box((0, 0, 0), SHAPE)


def delivered(values, out, backend=None):
    out = None if out is None else np.empty(SHAPE, out)
    result = result_for(backend or NumPyBackend(), SHAPE, out, native=False)
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


class OnDevice(NumPyBackend):
    """Says that its arrays are on a device, and sums them up by itself."""

    summaries = 0

    def __init__(self):
        super().__init__()
        self.facts = replace(self.facts, on_host=False)

    def summary(self, array):
        self.summaries += 1
        with np.errstate(invalid="ignore"):
            # as on GPUs, whose minimum and maximum are those of the numbers alone
            return Summary(float(np.fmin.reduce(array, None)), float(np.fmax.reduce(array, None)), float(array.sum()))


@pytest.mark.parametrize("out", [None, np.float32])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-38])
def test_a_device_checks_a_whole_volume_by_itself(value, out):
    backend, values = OnDevice(), np.ones(SHAPE, np.float32)
    np.testing.assert_array_equal(delivered(values, out, backend), values)
    values[2, 100, 3] = value
    with pytest.raises(rlcore.BackendError, match=r"returned .* for a sound image"):
        delivered(values, out, backend)
    assert backend.summaries == 2


def test_a_device_copies_a_result_before_it_checks_it():
    """The host waits for the check; before it, it can prepare memory for the copy while the device computes."""
    order = []

    class Recording(OnDevice):
        def write(self, block, source, volume, target, shape):
            order.append("write")
            super().write(block, source, volume, target, shape)

        def summary(self, array):
            order.append("check")
            return super().summary(array)

    delivered(np.ones(SHAPE, np.float32), None, Recording())
    assert order == ["write", "check"]


def test_what_lies_around_the_core_of_a_block_is_not_checked():
    backend, values = OnDevice(), np.ones((6, 20, 20), np.float32)
    values[0] = np.nan
    result = result_for(backend, (10, 20, 20), None, native=False)
    for first in (0, 5):
        core = Box((first, 0, 0), (first + 5, 20, 20))
        result.save(values, Block(Box((first - 1, 0, 0), core.stop), core))
    assert result.finish().min() == 1
    assert not backend.summaries
