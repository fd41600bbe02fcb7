"""PSFs of the microscopes that image the phantoms."""

from __future__ import annotations

from rlcore.backend import Shape, Volume
from rlcore.optics.generate import generate_psf
from rlcore.optics.microscope import Microscope
from rlcore.optics.pupil import born_wolf

VOXEL = (0.2, 0.1, 0.1)
"""Micrometres along z, y, x."""


def wide_field_psf(
    shape: Shape = (31, 31, 31),
    *,
    na: float = 1.2,
    wavelength: float = 0.6,
    index: float = 1.33,
    voxel: tuple[float, ...] = VOXEL,
) -> Volume:
    """Compute the unaberrated PSF of a wide-field microscope.

    Lengths are in micrometres, `shape` and `voxel` along z, y, x or y, x. The result is float64, has the sum 1 and its
    centre at voxel P//2 (`generate_psf` by the model `born_wolf`). InputError if a figure is impossible.
    """
    microscope = Microscope(na=na, wavelength=wavelength, index=index)
    return generate_psf(microscope, shape, voxel[-len(shape) :], model=born_wolf)


def confocal_psf(
    shape: Shape = (31, 31, 31),
    *,
    na: float = 1.2,
    wavelength: float = 0.6,
    index: float = 1.33,
    voxel: tuple[float, ...] = VOXEL,
) -> Volume:
    """Compute the PSF of a confocal microscope with closed pinhole and no Stokes shift, the square of `wide_field_psf`.

    Parameters and result are those of `wide_field_psf`.
    """
    microscope = Microscope(na=na, wavelength=wavelength, index=index, technique="confocal", pinhole=0.0)
    return generate_psf(microscope, shape, voxel[-len(shape) :], model=born_wolf)
