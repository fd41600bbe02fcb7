"""PSFs brought to other voxels: the same light at the same distances."""

import numpy as np
import pytest
from fixtures.examples import examples
from fixtures.scenes import gaussian
from hypothesis import given
from hypothesis import strategies as st

from rlcore.errors import InputError
from rlcore.optics import Microscope, generate_psf, resample_psf
from rlcore.optics.psf import PSF, prepare_psf
from rlcore.optics.sampling import read_axis, shift

MICROSCOPE = Microscope(na=1.2, index=1.33, wavelength=0.6)


@pytest.mark.parametrize("target", [(0.2, 0.1, 0.1), (0.1, 0.05, 0.05), (0.25, 0.13, 0.08)])
@pytest.mark.parametrize("shape", [(31, 41, 41), (30, 40, 41)])
def test_it_is_the_psf_of_the_other_grid(shape, target):
    voxel = (0.15, 0.08, 0.08)
    found = resample_psf(prepare_psf(generate_psf(MICROSCOPE, shape, voxel)), voxel, target)
    expected = generate_psf(MICROSCOPE, (81, 81, 81), target)
    box = tuple(slice(40 - c, 40 - c + n) for c, n in zip(found.centre, found.values.shape, strict=True))
    expected = expected[box] / expected[box].sum()
    inner = tuple(slice(4, -4) for _ in range(3))  # what was cut off outside is missed near the edges
    assert np.abs(found.values - expected)[inner].max() < 0.01 * expected.max()
    assert found.values.sum() == pytest.approx(1)
    assert found.notes[-1].startswith(f"resampled from {shape!r} to ")


@examples(30)
@given(st.tuples(*[st.floats(0.4, 2.5)] * 2), st.tuples(*[st.integers(10, 30)] * 2), st.data())
def test_the_centre_stays_and_the_reach_is_not_exceeded(ratios, shape, data):
    centre = tuple(data.draw(st.integers(0, size - 1)) for size in shape)
    psf = PSF(gaussian(shape, 2.0), centre)
    found = resample_psf(psf, (1.0, 1.0), ratios)
    for size, at, other, there, ratio in zip(shape, centre, found.values.shape, found.centre, ratios, strict=True):
        assert there * ratio <= at + 1e-4
        assert (other - 1 - there) * ratio <= size - 1 - at + 1e-4
        assert (there + 1) * ratio > at
    assert found.values.min() >= 0


def test_the_same_voxels_give_the_same_values():
    psf = prepare_psf(gaussian((9, 10, 11), 1.5))
    np.testing.assert_allclose(resample_psf(psf, (2, 1, 1), (2, 1, 1)).values, psf.values, atol=1e-12)


def test_a_constant_stays_one_between_voxels_and_a_whole_shift_is_exact():
    inside = read_axis(np.ones((20, 3)), 0, np.linspace(6, 13, 23))
    np.testing.assert_allclose(inside, 1, atol=1e-12)
    values = np.random.default_rng(0).random((9, 8))
    np.testing.assert_allclose(shift(values, (2, -1))[2:, :-1], values[:-2, 1:], atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), [((1.0, 1.0), (1.0, 0.0)), ((1.0,), (1.0,))])
def test_lengths_that_are_none_are_refused(ours, theirs):
    with pytest.raises(InputError):
        resample_psf(prepare_psf(gaussian((9, 9), 1.0)), ours, theirs)
