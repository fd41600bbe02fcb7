"""The one look over the image: right whatever its pieces, and sparing with what is stored in chunks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlcore
from rlcore.backend.boxes import pieces
from rlcore.execution.volumes.statistics import measure


class Stored:
    """An array in chunks that counts how often each is read."""

    def __init__(self, values, chunks):
        self.values, self.chunks, self.shape, self.dtype = values, chunks, values.shape, values.dtype
        self.reads = np.zeros([-(-n // c) for n, c in zip(values.shape, chunks, strict=True)], int)

    def __getitem__(self, index):
        spans = zip(index, self.chunks, strict=True)
        self.reads[tuple(slice(part.start // c, -(-part.stop // c)) for part, c in spans)] += 1
        return self.values[index]


@pytest.fixture(scope="module")
def volume():
    """More than one piece, along every axis if its chunks ask for it."""
    return np.random.default_rng(0).normal(100, 10, (60, 210, 220)).astype(np.float32)


@pytest.mark.parametrize("chunks", [(32, 64, 64), (7, 210, 50), (60, 210, 220), (1, 1, 220)], ids=str)
def test_every_chunk_is_read_once(volume, chunks):
    stored = Stored(volume, chunks)
    seen = measure(stored)
    assert (stored.reads == 1).all()
    assert seen.maximum == volume.max()
    assert seen.mean == pytest.approx(volume.mean(dtype=np.float64), rel=1e-12)


def test_what_is_below_zero_counts_as_zero(volume):
    shifted = volume - 100
    seen = measure(Stored(shifted, (32, 64, 64)))
    assert seen.negative == (shifted < 0).sum()
    assert seen.mean == pytest.approx(np.maximum(shifted, 0).mean(dtype=np.float64), rel=1e-9)


def test_the_first_voxel_that_is_no_number_is_the_first_in_the_image_whatever_the_chunks(volume):
    spoilt = volume.copy()
    spoilt[3, 200, 5] = spoilt[3, 199, 219] = spoilt[40, 0, 0] = np.nan
    for image in (spoilt, Stored(spoilt, (32, 64, 64)), Stored(spoilt, (7, 20, 50))):
        with pytest.raises(rlcore.InputError, match=r"3 voxels that are NaN or infinite, the first at \(3, 199, 219\)"):
            measure(image)


def test_a_digest_tells_data_shapes_and_types_apart():
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    others = [values + (values == 23), values.reshape(6, 4), values.astype(np.float64), values.astype(np.int32)]
    digests = {measure(image, digest=True).digest for image in (values, *others)}
    assert len(digests) == 5
    assert measure(values.copy(), digest=True).digest in digests
    assert measure(values).digest == ""


@given(st.data(), st.integers(2, 3))
def test_pieces_are_whole_chunks_that_tile_the_array(data, ndim):
    shape = data.draw(st.tuples(*[st.integers(1, 30)] * ndim))
    chunks = data.draw(st.tuples(*[st.integers(1, 40)] * ndim))
    most = data.draw(st.integers(1, 2000))
    covered = np.zeros(shape, int)
    for box in pieces(shape, chunks, most):
        covered[box.slices((0,) * ndim)] += 1
        assert box.size <= max(most, np.prod([min(c, n) for c, n in zip(chunks, shape, strict=True)]))
        for start, stop, chunk, n in zip(box.start, box.stop, chunks, shape, strict=True):
            assert start % chunk == 0
            assert stop % chunk == 0 or stop == n
    assert (covered == 1).all()
