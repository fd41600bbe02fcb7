import numpy as np
import pytest

from rlcore.errors import InputError
from rlcore.optics.psf import prepare_psf
from rlcore.testing.optics import confocal_psf, wide_field_psf


@pytest.mark.parametrize("shape", [(31, 31, 31), (9, 16, 15), (8, 12, 12), (31, 31), (12, 9), (1, 1, 1)])
@pytest.mark.parametrize("model", [wide_field_psf, confocal_psf])
def test_they_have_their_shape_sum_one_and_their_peak_in_the_middle(model, shape):
    psf = model(shape, voxel=(0.2, 0.1, 0.1)[-len(shape) :])
    assert psf.shape == shape
    assert psf.min() >= 0
    assert psf.sum() == pytest.approx(1, abs=1e-12)
    assert np.unravel_index(psf.argmax(), shape) == tuple(size // 2 for size in shape)


def test_the_plane_in_focus_is_the_airy_pattern():
    """(2 J1(v) / v)^2 at v = 2 pi na r / wavelength, with its first dark ring at v = 3.8317."""
    na, wavelength, step = 0.5, 0.5, 0.05
    line = wide_field_psf((101, 101), na=na, wavelength=wavelength, index=1.0, voxel=(step, step))[50, 50:]
    v = 2 * np.pi * na * np.arange(51) * step / wavelength
    angle = (np.arange(2000) + 0.5) * np.pi / 2000
    bessel = np.mean(np.cos(angle - v[1:, None] * np.sin(angle)), axis=1)
    airy = np.concatenate([[1.0], (2 * bessel / v[1:]) ** 2])
    np.testing.assert_allclose(line / line[0], airy, atol=1e-3)


def test_it_darkens_along_the_axis_as_theory_has_it():
    """At small apertures the axis follows sinc^2(u / 4), u = 2 pi z na^2 / (wavelength index)."""
    na, wavelength, index, step = 0.2, 0.5, 1.33, 2.0
    axis = wide_field_psf((25, 9, 9), na=na, wavelength=wavelength, index=index, voxel=(step, 0.2, 0.2))[:, 4, 4]
    u = 2 * np.pi * (np.arange(25) - 12) * step * na**2 / (wavelength * index)
    np.testing.assert_allclose(axis / axis.max(), np.sinc(u / 4 / np.pi) ** 2, atol=0.007)


def test_no_plane_of_a_wide_field_microscope_loses_light_but_those_of_a_confocal_do():
    wide = wide_field_psf((9, 151, 151), voxel=(0.1, 0.1, 0.1)).sum(axis=(1, 2))
    assert wide.min() > 0.98 * wide.max()
    confocal = confocal_psf((21, 61, 61)).sum(axis=(1, 2))
    assert confocal[0] < 0.02 * confocal.max()


def test_voxels_coarser_than_the_field_sample_the_same_psf():
    fine = wide_field_psf((5, 41, 41), voxel=(0.2, 0.1, 0.1))
    coarse = wide_field_psf((5, 11, 11), voxel=(0.2, 0.4, 0.4))
    sampled = fine[:, ::4, ::4]
    np.testing.assert_allclose(coarse, sampled / sampled.sum(), atol=0.01 * coarse.max())


def test_it_needs_no_care():
    psf = prepare_psf(wide_field_psf())
    assert psf.notes == ()
    assert psf.centre == (15, 15, 15)


def test_an_aperture_larger_than_the_index_is_refused():
    with pytest.raises(InputError, match=r"na 1\.4 is not between 0 and the refractive index 1\.33"):
        wide_field_psf(na=1.4)
