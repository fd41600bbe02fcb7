"""Computed PSFs against two other programs, and against theory."""

import numpy as np
import pytest

from rlcore.errors import InputError
from rlcore.optics import Microscope, default_shape, generate_psf, inspect_psf
from rlcore.optics.gaussian import widths

SETTINGS = {
    "oil into glycerol": {"na": 1.4, "index": 1.515, "wavelength": 0.6, "sample_index": 1.47, "depth": 5.0},
    "water into tissue": {"na": 1.2, "index": 1.33, "wavelength": 0.52, "sample_index": 1.38, "depth": 10.0},
    "air into water": {"na": 0.8, "index": 1.0, "wavelength": 0.55, "sample_index": 1.33, "depth": 20.0},
    "a thick coverslip": {"na": 0.95, "index": 1.0, "wavelength": 0.6, "coverslip_error": 10.0},
    "in focus": {"na": 1.2, "index": 1.33, "wavelength": 0.6},
}


@pytest.mark.parametrize("figures", SETTINGS.values(), ids=SETTINGS)
def test_gibson_lanni_is_that_of_psfmodels(figures):
    """On a fine grid: psfmodels interpolates linearly between radii that are a pixel apart."""
    psfmodels = pytest.importorskip("psfmodels", reason="psfmodels is not installed")
    microscope = Microscope(**figures)
    planes, side, pixel, step = 21, 41, 0.03, 0.4
    ours = generate_psf(microscope, (planes, side, side), (step, pixel, pixel), focus="nominal")
    theirs = psfmodels.make_psf(
        z=planes, nx=side, dxy=pixel, dz=step, pz=microscope.depth, NA=microscope.na, wvl=microscope.wavelength,
        ns=microscope.in_sample, ni=microscope.index, ni0=microscope.index, ng=1.515, ng0=1.515,
        tg=170 + microscope.coverslip_error, tg0=170, model="scalar", oversample_factor=1,
    )  # fmt: skip
    assert np.abs(ours / ours.max() - theirs / theirs.max()).max() < 0.01
    if microscope.aberrated:
        assert np.abs(ours - ours[::-1]).max() > 0.3 * ours.max()


@pytest.mark.parametrize("na", [0.75, 1.0, 1.25])
def test_the_gaussian_is_that_of_psfmodels_and_of_psf(na):
    psfmodels = pytest.importorskip("psfmodels", reason="psfmodels is not installed")
    psf = pytest.importorskip("psf", reason="psf is not installed")
    across, along = widths(na, 1.33, 0.52)
    theirs = psf.PSF(psf.GAUSSIAN | psf.EMISSION, em_wavelen=520, num_aperture=na, refr_index=1.33)
    assert (along, across) == pytest.approx(theirs.sigma.um, rel=1e-6)
    ours = generate_psf(Microscope(na=na, index=1.33, wavelength=0.52), (9, 9, 9), (0.1, 0.1, 0.1), model="gaussian")
    other = psfmodels.make_psf(z=9, nx=9, dxy=0.1, dz=0.1, NA=na, wvl=0.52, ni=1.33, model="gaussian")
    np.testing.assert_allclose(ours / ours.max(), other, atol=1e-6)


def test_a_confocal_with_a_pinhole_is_that_of_psf():
    """At an aperture where vectorial and scalar diffraction agree."""
    psf = pytest.importorskip("psf", reason="psf is not installed")
    microscope = Microscope(na=0.4, index=1.0, wavelength=0.6, excitation=0.5, technique="confocal", pinhole=1.0)
    theirs = psf.PSF(
        psf.ISOTROPIC | psf.CONFOCAL, shape=(40, 20), dims=(8.0, 1.9), ex_wavelen=500, em_wavelen=600,
        num_aperture=0.4, refr_index=1.0, pinhole_radius=microscope.airy_radius, underfilling=0.0,
    )  # fmt: skip
    z, r = (length / size for length, size in zip((8.0, 1.9), (40, 20), strict=True))
    ours = generate_psf(microscope, (79, 39, 39), (z, r, r))
    quadrant = ours[39:, 19, 19:] / ours.max()
    np.testing.assert_allclose(quadrant, np.asarray(theirs.data)[:40, :20], atol=0.02)


def test_a_pinhole_widens_what_a_closed_one_gives_and_a_wide_one_gives_excitation_alone():
    figures = {"na": 1.2, "index": 1.33, "wavelength": 0.52, "excitation": 0.488, "technique": "confocal"}
    shape, voxel = (15, 21, 21), (0.2, 0.1, 0.1)
    closed, airy, wide = (
        generate_psf(Microscope(**figures, pinhole=pinhole), shape, voxel) for pinhole in (0.0, 1.0, 12.0)
    )
    excitation = generate_psf(Microscope(na=1.2, index=1.33, wavelength=0.488), shape, voxel)
    np.testing.assert_allclose(wide / wide.max(), excitation / excitation.max(), atol=0.05)
    each = [inspect_psf(psf).fwhm[0] for psf in (closed, airy, wide)]
    assert each == sorted(each)
    assert each[1] < 1.2 * each[0]


def test_a_light_sheet_cuts_the_axis():
    microscope = Microscope(na=0.8, index=1.33, wavelength=0.52, technique="light-sheet", sheet=1.0)
    wide = Microscope(na=0.8, index=1.33, wavelength=0.52)
    shape, voxel = (25, 15, 15), (0.2, 0.15, 0.15)
    lit = np.exp(-4 * np.log(2) * ((np.arange(25) - 12) * 0.2) ** 2)
    expected = generate_psf(wide, shape, voxel) * lit[:, None, None]
    np.testing.assert_allclose(generate_psf(microscope, shape, voxel), expected / expected.sum(), atol=1e-12)


@pytest.mark.parametrize("technique", ["wide-field", "confocal"])
def test_with_aberration_the_brightest_plane_is_the_middle_one_unless_the_nominal_is_asked_for(technique):
    microscope = Microscope(na=1.2, index=1.33, wavelength=0.52, sample_index=1.38, depth=15, technique=technique)
    shape, voxel = (61, 15, 15), (0.2, 0.1, 0.1)
    best = generate_psf(microscope, shape, voxel)
    assert np.unravel_index(best.argmax(), shape) == (30, 7, 7)
    nominal = generate_psf(microscope, shape, voxel, focus="nominal")
    assert np.unravel_index(nominal.argmax(), shape)[0] != 30


def test_no_mismatch_no_aberration_at_any_depth():
    shape, voxel = (9, 9, 9), (0.2, 0.1, 0.1)
    shallow = generate_psf(Microscope(na=1.2, index=1.33, wavelength=0.5), shape, voxel)
    deep = generate_psf(Microscope(na=1.2, index=1.33, wavelength=0.5, sample_index=1.33, depth=90), shape, voxel)
    assert np.array_equal(shallow, deep)
    aberrated = Microscope(na=1.2, index=1.33, wavelength=0.5, sample_index=1.4, depth=90)
    assert np.array_equal(shallow, generate_psf(aberrated, shape, voxel, model="born-wolf", focus="nominal"))


@pytest.mark.parametrize("figures", SETTINGS.values(), ids=SETTINGS)
def test_the_default_shape_holds_the_peak_and_is_odd(figures):
    microscope, voxel = Microscope(**figures), (0.3, 0.15, 0.15)
    shape = default_shape(microscope, voxel)
    assert all(size % 2 for size in shape)
    found = inspect_psf(generate_psf(microscope, shape, voxel))
    assert found.background < 0.01
    assert max(map(abs, found.offset)) < 0.5


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"na": 1.4}, r"na 1\.4 is not between 0 and the refractive index 1\.33"),
        ({"wavelength": -1}, "wavelength -1 is not positive"),
        ({"wavelength": 525}, r"wavelength 525 is a wavelength in nanometres, it seems; give micrometres: 0\.525"),
        ({"wavelength": 1700.0}, r"in nanometres, it seems; give micrometres: 1\.7"),
        ({"excitation": 488}, r"excitation 488 is a wavelength in nanometres, it seems; give micrometres: 0\.488"),
        ({"technique": "sted"}, "technique 'sted' is not known; choose one of wide-field, confocal, light-sheet"),
        ({"technique": "light-sheet"}, "without the thickness of its sheet"),
        ({"depth": -1.0}, r"depth -1\.0 is negative"),
        ({"coverslip_error": float("nan")}, "coverslip_error nan is not finite"),
    ],
)
def test_impossible_microscopes_are_refused(figures, said):
    with pytest.raises(InputError, match=said):
        Microscope(**{"na": 1.2, "index": 1.33, "wavelength": 0.5, **figures})


@pytest.mark.parametrize("na", [0.1, 1.2])
def test_voxels_in_nanometres_are_refused_and_coarse_ones_in_micrometres_are_not(na):
    microscope = Microscope(na=na, index=1.33, wavelength=0.5)
    with pytest.raises(InputError, match=r"in nanometres, it seems, .* give micrometres: \(0\.9, 0\.3, 0\.3\)"):
        generate_psf(microscope, (3, 5, 5), (900, 300, 300))
    assert generate_psf(microscope, (3, 5, 5), (2.0, 1.0, 1.0)).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("shape", "voxel", "options"),
    [((3, 3), (1, 1, 1), {}), ((3, 0, 3), (1, 1, 1), {}), ((3, 3, 3), (1, 0, 1), {}), ((3, 3), (1, 1), {"focus": "x"})],
)
def test_impossible_grids_are_refused(shape, voxel, options):
    with pytest.raises(InputError):
        generate_psf(Microscope(na=1.2, index=1.33, wavelength=0.5), shape, voxel, **options)
