"""A PSF that is cut off, one that stands on a pedestal, and those that need no word."""

import warnings

import numpy as np
import pytest
from fixtures.scenes import gaussian

import rlcore
from rlcore.optics.edge import CUT_OFF, cut_off_doubt, edge_share, pedestal_doubt, pedestal_share
from rlcore.optics.inspect import inspect_psf
from rlcore.optics.mend import mend_psf
from rlcore.testing.optics import confocal_psf, wide_field_psf

WIDE = wide_field_psf((41, 47, 47))


def middle(values, shape):
    return values[tuple(slice(n // 2 - s // 2, n // 2 + s // 2 + 1) for n, s in zip(values.shape, shape, strict=True))]


def on_pedestal(psf, noise):
    rng = np.random.default_rng(0)
    return np.clip(np.rint(236 * psf / psf.max() + 13 + noise * rng.normal(size=psf.shape)), 0, 255)


@pytest.mark.parametrize(
    "shape", [(15, 15, 15), (11, 11, 11), (7, 7, 7), (5, 5, 5), (3, 3, 3), (7, 31, 31), (41, 7, 7)]
)
def test_a_psf_that_is_cut_off_is_said_to_be_and_not_to_stand_on_a_pedestal(shape):
    cut = middle(WIDE, shape)
    size = " x ".join(map(str, shape))
    assert pedestal_doubt(cut) is None
    assert cut_off_doubt(cut).startswith(f"psf of {size} voxels is cut off: ")
    assert "pedestal" not in " ".join(inspect_psf(cut).warnings)
    assert mend_psf(cut).pedestal == 0
    with pytest.warns(rlcore.PSFWarning, match="is cut off: .* measure or compute a larger one") as said:
        rlcore.prepare_psf(cut)
    assert len(said) == 1


@pytest.mark.parametrize("shape", [(41, 31, 31), (21, 21, 21)])
@pytest.mark.parametrize("noise", [0.5, 2.0, 5.0])
def test_a_pedestal_is_said_to_be_one_and_not_cut_off_light(shape, noise):
    measured = on_pedestal(wide_field_psf(shape), noise)
    assert pedestal_doubt(measured).startswith("psf stands on a pedestal: ")
    assert cut_off_doubt(measured) is None
    assert pedestal_share(measured) == pytest.approx(13 / 245, rel=0.15)


@pytest.mark.parametrize(
    "psf",
    [
        WIDE, wide_field_psf((31, 31, 31)), confocal_psf((11, 11, 11)), gaussian((15, 15, 15), 2.0),
        np.ones((3, 3)), np.ones((1, 5, 5)), np.ones((1, 1, 1)),
    ],
)  # fmt: skip
def test_a_sound_psf_and_a_box_give_no_warning(psf):
    assert pedestal_doubt(psf) is None
    assert cut_off_doubt(psf) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rlcore.prepare_psf(psf)


def test_the_share_at_the_edge_is_that_of_the_light_there():
    values = np.zeros((7, 7))
    values[3, 3], values[0, 2], values[6, 6] = 6, 1, 1
    assert edge_share(values) == pytest.approx(0.25)
    assert edge_share(wide_field_psf((31, 31, 31))) < CUT_OFF < edge_share(middle(WIDE, (15, 15, 15)))
