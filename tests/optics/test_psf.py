import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from rlcore.errors import InputError
from rlcore.optics.psf import PSF, PSFWarning, prepare_psf
from rlcore.optics.psf_on_grid import on_grid

SHAPES = array_shapes(min_dims=2, max_dims=3, max_side=7)
seeds = st.integers(0, 2**32 - 1)


def gaussian(shape, sigma=1.2, centre=None):
    """A bright spot about `centre`, P//2 unless it is given."""
    centre = centre or [size // 2 for size in shape]
    axes = np.meshgrid(*(np.arange(size) - at for size, at in zip(shape, centre, strict=True)), indexing="ij")
    return np.exp(-sum(axis**2.0 for axis in axes) / (2 * sigma**2))


def quietly(psf: Any, **options: Any) -> PSF:
    """What `prepare_psf` makes of arrays that deserve every warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PSFWarning)
        return prepare_psf(psf, **options)


def random_psf(shape, seed):
    return np.random.default_rng(seed).random(shape) + 0.25


def direct_periodic(image, psf, centre):
    """Convolution on a torus by its definition."""
    result = np.zeros(image.shape)
    for index in np.ndindex(psf.shape):
        shift = tuple(i - c for i, c in zip(index, centre, strict=True))
        result += psf[index] * np.roll(image, shift, axis=range(image.ndim))
    return result


# --- laws


@given(SHAPES, seeds)
def test_a_prepared_psf_is_float64_non_negative_of_sum_one_contiguous_and_read_only(shape, seed):
    values = np.random.default_rng(seed).normal(1, 1, shape).astype(np.float32)
    values[(0,) * len(shape)] = 500
    prepared = quietly(np.asfortranarray(values)).values
    assert prepared.dtype == np.float64
    assert prepared.shape == shape
    assert prepared.min() >= 0
    assert prepared.sum() == pytest.approx(1, abs=1e-14)
    assert prepared.flags.c_contiguous
    assert not prepared.flags.writeable


@given(SHAPES, seeds)
def test_preparing_twice_is_preparing_once(shape, seed):
    once = quietly(random_psf(shape, seed), centre="peak")
    assert prepare_psf(once) is once
    again = quietly(once.values, centre=once.centre)
    assert again.centre == once.centre
    np.testing.assert_allclose(again.values, once.values, rtol=1e-14)


@given(
    SHAPES, seeds, st.integers(-1000, 1000), st.sampled_from([0.8, 1.0]), st.sampled_from(["middle", "peak", "mass"])
)
def test_scaling_changes_nothing(shape, seed, power, energy, centre):
    psf = random_psf(shape, seed)
    options = {"energy": energy, "centre": centre}
    plain = quietly(psf, background=0.125, **options)
    scaled = quietly(np.ldexp(psf, power), background=np.ldexp(0.125, power), **options)
    assert plain.centre == scaled.centre
    np.testing.assert_array_equal(plain.values, scaled.values)


@given(SHAPES, seeds, st.data())
def test_on_a_grid_it_is_the_direct_periodic_convolution_whatever_the_sizes(shape, seed, data):
    grid = data.draw(st.tuples(*[st.integers(1, 9)] * len(shape)))
    centre = data.draw(st.tuples(*[st.integers(0, size - 1) for size in shape]))
    psf = quietly(random_psf(shape, seed), centre=centre)
    image = np.random.default_rng(seed + 1).random(grid)
    kernel = on_grid(psf, grid)
    axes = tuple(range(len(grid)))
    blurred = np.fft.ifftn(np.fft.fftn(image) * np.fft.fftn(kernel), axes=axes).real
    assert kernel.shape == grid
    assert kernel.sum() == pytest.approx(1, abs=1e-13)
    np.testing.assert_allclose(blurred, direct_periodic(image, psf.values, psf.centre), atol=1e-12)


@given(SHAPES, seeds, st.floats(0.05, 0.999), st.data())
def test_a_crop_is_the_smallest_box_that_holds_the_energy(shape, seed, energy, data):
    centre = data.draw(st.tuples(*[st.integers(0, size - 1) for size in shape]))
    whole = quietly(random_psf(shape, seed), centre=centre)
    cut = quietly(whole.values, centre=centre, energy=energy)

    def box(reaches):
        return tuple(slice(max(c - r, 0), c + r + 1) for c, r in zip(centre, reaches, strict=True))

    boxes = [whole.values[box(reaches)] for reaches in np.ndindex(shape)]
    least = min(inside.size for inside in boxes if inside.sum() >= energy + 1e-12)
    assert cut.values.size <= least
    offset = tuple(c - at for c, at in zip(centre, cut.centre, strict=True))
    kept = whole.values[tuple(slice(o, o + size) for o, size in zip(offset, cut.values.shape, strict=True))]
    assert kept.sum() >= energy - 1e-12
    np.testing.assert_allclose(cut.values, kept / kept.sum(), rtol=1e-12)


# --- centre


@pytest.mark.parametrize("shape", [(5, 5), (6, 8), (5, 6, 7), (4, 4, 4), (1, 7, 7), (1, 1, 1), (1, 1)])
def test_the_middle_is_half_the_size_and_a_psf_centred_there_gives_no_warning(shape):
    psf = prepare_psf(gaussian(shape, sigma=0.4))
    assert psf.centre == tuple(size // 2 for size in shape)
    assert psf.notes == ()


def test_the_kernel_has_its_centre_at_voxel_zero():
    kernel = on_grid(quietly(gaussian((4, 5), centre=(1, 3)), centre=(1, 3)), (8, 9))
    assert np.unravel_index(kernel.argmax(), kernel.shape) == (0, 0)
    assert kernel[1, 0] == pytest.approx(kernel[-1, 0])


def test_peak_and_mass_are_found_and_noted():
    psf = gaussian((9, 12, 12), centre=(4, 5, 6))
    peak = prepare_psf(psf, centre="peak")
    assert peak.centre == (4, 5, 6)
    assert "peak (4, 5, 6)" in peak.notes[0]
    mass = prepare_psf(psf, centre="mass")
    assert mass.centre == (4, 5, 6)
    beside = prepare_psf(gaussian((9, 9), centre=(4.25, 4)), centre="mass")
    assert beside.centre == (4, 4)
    assert "(+0.25, -0.00)" in beside.notes[0] or "(+0.25, +0.00)" in beside.notes[0]


def test_the_mass_of_an_even_symmetric_psf_is_its_middle():
    assert prepare_psf(gaussian((10, 12), centre=(4.5, 5.5)), centre="mass").centre == (5, 6)


@pytest.mark.parametrize("peak", [(3, 5, 5), (4, 4, 4), (7, 8, 1)])
def test_a_peak_beside_the_centre_is_told_with_the_remedy(peak):
    with pytest.warns(PSFWarning, match=r"peak at .* centre='peak'") as told:
        prepare_psf(gaussian((8, 10, 10), centre=peak))
    assert repr(peak) in str(told[0].message)
    prepare_psf(gaussian((8, 10, 10), centre=peak), centre="peak")
    prepare_psf(gaussian((8, 10, 10), centre=peak), centre=peak)


def donut():
    radius = np.hypot(*np.mgrid[-10:11, -10:11])
    return np.exp(-((radius - 5) ** 2) / 4)


def two_lobes():
    return gaussian((21, 21), centre=(10, 5)) + gaussian((21, 21), centre=(10, 15))


def hot_voxel():
    psf = gaussian((21, 21, 21), 3.0)
    psf[7, 13, 10] = 1.2
    return psf


def grainy():
    return np.random.default_rng(3).poisson(100 * gaussian((31, 31, 31), 3.0))


@pytest.mark.parametrize(
    "psf",
    [donut(), two_lobes(), hot_voxel(), grainy(), np.pad(np.ones((5, 5)), 3), gaussian((8, 8), 1.0, (3.5, 3.5))],
    ids=["donut", "two lobes", "hot voxel", "grainy", "flat", "even, between two voxels"],
)
def test_no_false_alarm_about_the_peak(psf):
    prepare_psf(psf)


# --- background and negative values


def test_a_psf_that_is_all_peak_stands_on_no_pedestal():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare_psf(np.ones((3, 3)))
        prepare_psf(np.ones((1, 3, 9)))


def test_a_pedestal_is_told_and_auto_removes_it():
    clean = gaussian((15, 15, 15))
    with pytest.warns(PSFWarning, match=r"4\.8% of its maximum.*background='auto'.*--psf-background auto"):
        prepare_psf(clean + 0.05)
    auto = prepare_psf(100 * (clean + 0.05), background="auto")
    np.testing.assert_allclose(auto.values, prepare_psf(clean).values, atol=1e-9)
    given_level = prepare_psf(clean + 0.05, background=0.05)
    np.testing.assert_allclose(given_level.values, prepare_psf(clean).values, atol=1e-12)
    assert "background 0.05 taken off" in given_level.notes


def test_negative_values_are_cut_counted_and_weighed():
    psf = np.array([[0.0, 0.0, 0.0], [0.0, 10.0, -1.0], [0.0, 0.0, -1.0]])
    prepared = prepare_psf(psf)
    assert prepared.values[1, 1] == 1
    assert prepared.notes == ("2 negative values set to 0 (20.00% of the sum of the others)",)


def test_a_crop_is_reported():
    cut = prepare_psf(gaussian((31, 41), 2.0, (15, 18)), centre="peak", energy=0.99)
    assert cut.centre == tuple(size // 2 for size in cut.values.shape)
    assert "cropped from (31, 41) to " + repr(cut.values.shape) in cut.notes[-1]


def test_integers_lists_and_booleans_are_read():
    np.testing.assert_array_equal(prepare_psf([[0, 0, 0], [0, 3, 1], [0, 0, 0]]).values[1], [0, 0.75, 0.25])
    assert prepare_psf(np.full((1, 1, 1), 255, np.uint8)).values == 1
    assert prepare_psf(np.array([[True]])).values == 1


def test_the_array_given_is_left_alone():
    psf = gaussian((9, 9)) - 0.001
    before = psf.copy()
    prepare_psf(psf, background="auto", energy=0.9)
    np.testing.assert_array_equal(psf, before)


# --- refusals

SPOT = gaussian((5, 5))


@pytest.mark.parametrize(
    ("psf", "options", "message"),
    [
        (np.ones(5), {}, "psf has 1 axes; give it 2 or 3"),
        (np.ones((2, 2, 2, 2)), {}, "psf has 4 axes"),
        (SPOT, {"ndim": 3}, "psf has 2 axes but the image has 3"),
        (np.ones((0, 4)), {}, r"psf of shape \(0, 4\) is empty"),
        (np.where(np.eye(4), np.nan, 1), {}, r"4 NaN or infinite voxels, the first at \(0, 0\)"),
        ([[1, 2], [np.inf, 4]], {}, r"1 NaN or infinite voxels, the first at \(1, 0\)"),
        (SPOT + 0j, {}, "dtype 'complex128'"),
        (np.array([["a", "b"]]), {}, "dtype '<U1'"),
        ([[1, 2], [3]], {}, "type 'list' is not an array"),
        (np.zeros((3, 3)), {}, "no positive sum; give"),
        (-SPOT, {}, "no positive sum"),
        (np.ones((5, 5)), {"background": "auto"}, "no positive sum after its background 1 is taken off"),
        (SPOT, {"background": "mean"}, "background 'mean'"),
        (SPOT, {"background": np.nan}, "background nan"),
        (SPOT, {"centre": "center"}, "centre 'center' is not known; choose one of middle, peak, mass"),
        (SPOT, {"centre": (2, 5)}, r"centre \(2, 5\) is not inside"),
        (SPOT, {"centre": (-1, 2)}, r"centre \(-1, 2\) is not inside"),
        (SPOT, {"centre": (2, 2, 2)}, r"centre \(2, 2, 2\) is not inside"),
        (SPOT, {"centre": (2.0, 2.5)}, "one whole number per axis"),
        (SPOT, {"energy": 0}, r"energy 0 is not in \(0, 1\]"),
        (SPOT, {"energy": 1.5}, r"energy 1\.5"),
        (SPOT, {"energy": np.nan}, "energy nan"),
    ],
)
def test_bad_input_gets_one_clear_sentence(psf, options, message):
    with pytest.raises(InputError, match=message):
        prepare_psf(psf, **options)


def test_a_prepared_psf_of_other_dimensions_is_refused_too():
    with pytest.raises(InputError, match="psf has 2 axes but the image has 3"):
        prepare_psf(prepare_psf(gaussian((9, 9))), ndim=3)
