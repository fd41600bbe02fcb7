"""Volumes cross the bus whole, in any shape, type and strides, through slots that are slow to do what they began."""

import numpy as np
import pytest
from fixtures.examples import examples
from hypothesis import given
from hypothesis import strategies as st

from rlcore.backend.kit.pinned_copies import PinnedCopies


class SlowSlot:
    """A slot of a device that is an array: what it began is done when somebody waits for it."""

    def __init__(self, size):
        self.host = np.full(size, np.nan, np.float32)
        self._begun = None

    def send(self, size, device, first):
        assert self._begun is None, "another piece is under way"
        self._begun = device[first : first + size], self.host[:size]

    def fetch(self, size, device, first):
        assert self._begun is None, "another piece is under way"
        self._begun = self.host[:size], device[first : first + size]

    def wait(self):
        if self._begun is not None:
            target, source = self._begun
            target[...] = source
            self._begun = None

    def close(self):
        self.wait()
        del self.host


@examples(60)
@given(
    shape=st.lists(st.integers(1, 23), min_size=1, max_size=3),
    piece=st.integers(1, 300),
    dtype=st.sampled_from(["uint8", "int16", "float32", "float64", ">u2"]),
    reverse=st.booleans(),
)
def test_what_goes_up_comes_down(shape, piece, dtype, reverse):
    numbers = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    volume = numbers.T[::-1] if reverse else numbers
    device = np.full(volume.size, np.nan, np.float32)
    staging = PinnedCopies(SlowSlot, piece=piece)
    staging.upload(volume, device)
    back = np.zeros(volume.shape[::-1], dtype).T
    staging.download(device, back)
    staging.close()
    np.testing.assert_array_equal(device.reshape(volume.shape), volume)
    np.testing.assert_array_equal(back, volume)


def test_the_array_may_be_changed_once_it_is_on_its_way():
    volume, device = np.arange(1000, dtype=np.float32), np.zeros(1000, np.float32)
    staging = PinnedCopies(SlowSlot, piece=300)
    staging.upload(volume, device)
    volume[...] = -1
    staging.close()
    np.testing.assert_array_equal(device, np.arange(1000))


def test_a_volume_takes_the_slots_that_it_needs_and_no_more():
    made = []
    staging = PinnedCopies(lambda size: made.append(size) or SlowSlot(size), piece=300)
    staging.upload(np.zeros(200), np.zeros(200, np.float32))
    assert made == [300]
    staging.upload(np.zeros(2000), np.zeros(2000, np.float32))
    assert made == [300] * 3
    staging.close()


def test_what_fails_on_the_way_is_told():
    staging, readonly = PinnedCopies(SlowSlot), np.zeros(4)
    readonly.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        staging.download(np.zeros(4, np.float32), readonly)
    staging.close()
