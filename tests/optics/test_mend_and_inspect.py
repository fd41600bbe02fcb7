"""Figures of PSFs whose figures are known, faults that were put in, and their mending."""

import re

import numpy as np
import pytest
from fixtures.scenes import gaussian

import rlcore
from rlcore.optics import inspect_psf, mend_psf
from rlcore.optics.sampling import shift
from rlcore.testing import no_camera
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import wide_field_psf
from rlcore.testing.phantoms import phantom

WIDTH = 2 * np.sqrt(2 * np.log(2))


def spoiled(psf, *, pedestal=13, by=(0, -1, -1), noise=2.0, seed=0):
    """As a camera of 8 bits has it: on a pedestal, off its middle, noisy."""
    values = 236 * np.maximum(shift(psf / psf.max(), by), 0) + pedestal
    noisy = values + noise * np.random.default_rng(seed).normal(size=psf.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(21, 24, 27), (24, 27)])
def test_a_gaussian_has_its_widths_and_needs_nothing(shape):
    found = inspect_psf(gaussian(shape, 2.0))
    assert found.fwhm == pytest.approx((2 * WIDTH,) * len(shape), rel=2e-3)
    assert found.offset == pytest.approx((0,) * len(shape), abs=1e-3)
    assert max(found.asymmetry) < 1e-3
    assert found.warnings == ()
    assert mend_psf(gaussian(shape, 2.0)).faults == []


@pytest.mark.parametrize("by", [(0.3, -0.2, 0.45), (2.25, 0, -1.5)])
def test_the_peak_is_found_between_voxels(by):
    found = inspect_psf(shift(gaussian((25, 25, 25), 2.0), by))
    assert found.offset == pytest.approx(by, abs=0.03)
    assert found.fwhm == pytest.approx((2 * WIDTH,) * 3, rel=5e-3)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (gaussian((21, 21, 21), 2.0) + 0.04 * gaussian((21, 21, 21), 2.0).max(), "pedestal: .* 3.8% of the maximum"),
        (np.roll(gaussian((21, 21, 21), 2.0), 3, 1), r"off centre: the peak is z .0\.0, y \+3\.0, x .0\.0 voxels"),
        (gaussian((21, 21, 21), 0.6), "undersampled: 1.. voxels wide along z"),
        (gaussian((9, 31, 31), 4.5), "cut off: it does not fall to half along z"),
        (gaussian((31, 9, 31), 3.0), "of its energy is on its outer shell"),
        (
            gaussian((21, 21, 25), 2.0) + 0.6 * np.roll(gaussian((21, 21, 25), 2.0), 5, 2),
            "lopsided: .* when x is mirrored",
        ),
        (gaussian((21, 21, 21), 2.0) - 0.001 * gaussian((21, 21, 21), 2.0).max(), "negative: "),
        (np.minimum(gaussian((21, 21, 21), 3.0), 0.6 * gaussian((21, 21, 21), 3.0).max()), "saturated: "),
    ],
)
def test_what_will_hurt_is_said(values, word):
    warnings = inspect_psf(values).warnings
    assert any(re.search(word, warning) for warning in warnings), warnings


def test_faults_are_mended_and_told_with_their_figures():
    mended = mend_psf(spoiled(wide_field_psf((41, 31, 31))))
    assert mended.pedestal == pytest.approx(13 / 249, abs=0.004)
    assert mended.offset == pytest.approx((0, 1, 1), abs=0.1)
    first, second = mended.faults
    assert first.startswith("stands on a pedestal of 5.")
    assert second.startswith("is off centre: its peak is (")
    assert "-1.0, -1.0) voxels off" in second


def test_what_is_mended_restores_as_well_as_the_truth_and_what_is_not_does_not():
    psf = wide_field_psf((41, 32, 32), voxel=(0.15, 0.09, 0.09))
    made = phantom("mixed", (32, 72, 72), psf=psf)
    measured = spoiled(psf, noise=3.0)

    def error(other):
        restored = no_camera.deconvolve(made.image, other, iterations=10, background=made.background, backend="numpy")
        return nrmse(restored, made.truth)

    truth = error(psf)
    assert error(mend_psf(measured).values) == pytest.approx(truth, rel=0.02)
    with pytest.warns(rlcore.PSFWarning):
        assert error(measured) > 1.1 * truth


def test_each_fault_can_be_left():
    measured = spoiled(wide_field_psf((41, 31, 31)))
    assert not any(mend_psf(measured, centre=False).offset)
    assert mend_psf(measured, pedestal=False).pedestal == 0
    assert mend_psf(measured, pedestal=False, centre=False).values == pytest.approx(measured)


def test_a_small_psf_is_moved_by_whole_voxels():
    values = np.zeros((7, 7))
    values[2, 3], values[2, 4], values[1, 3] = 4, 2, 1
    mended = mend_psf(values)
    assert mended.offset == (1, 0)
    np.testing.assert_allclose(mended.values, np.roll(values, 1, 0), atol=1e-12)


def test_a_psf_without_light_is_refused():
    for values in (np.zeros((5, 5, 5)), np.full((5, 5, 5), np.nan), np.zeros((0, 3, 3))):
        with pytest.raises(rlcore.InputError):
            inspect_psf(values)
        with pytest.raises(rlcore.InputError):
            mend_psf(values)
