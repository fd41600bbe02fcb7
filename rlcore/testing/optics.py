"""Point spread functions from a scalar model of a microscope: what phantoms are blurred with."""

from __future__ import annotations

import math

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError
from rlcore.lengths import smooth_length

VOXEL = (0.2, 0.1, 0.1)
"""Micrometres along z, y, x."""

PUPIL_RADIUS = 64
"""Samples of the pupil's radius, at least: the PSF is then within 1e-3 of its peak from the integral."""


def wide_field_psf(
    shape: Shape = (31, 31, 31),
    *,
    na: float = 1.2,
    wavelength: float = 0.6,
    index: float = 1.33,
    voxel: tuple[float, ...] = VOXEL,
) -> Volume:
    """Wide-field PSF: the squared magnitude of the field behind a circular pupil, defocused plane by plane.

    Scalar and unaberrated (Born & Wolf, Principles of Optics, section 8.8; Goodman, Introduction to Fourier Optics,
    chapter 6), with the exact defocus phase rather than its paraxial form.

    Parameters
    ----------
    shape : tuple of int
        Voxels along z, y, x, or along y, x for the plane in focus. The centre is voxel P//2.
    na, index : float
        Numerical aperture and refractive index of the medium; ``na < index``.
    wavelength : float
        Of the light that is recorded, in micrometres.
    voxel : tuple of float
        Micrometres along z, y, x, or along y, x.

    Returns
    -------
    ndarray
        float64, sum 1. Light that leaves `shape` is cut off.
    """
    if not 0 < na < index:
        raise InputError(f"na {na!r} is not between 0 and the refractive index {index!r}; give a smaller aperture")
    planes = shape[0] if len(shape) == 3 else 1
    heights = (np.arange(planes) - planes // 2) * (voxel[0] if len(shape) == 3 else 0.0)
    cone = float(np.abs(heights).max()) * na / math.sqrt(index**2 - na**2)
    axes = [_axis(size, step, cone, na / wavelength) for size, step in zip(shape[-2:], voxel[-2:], strict=True)]
    (ky, rows), (kx, columns) = axes
    k = np.hypot(ky[:, None], kx[None, :])
    edge = max(ky[1], kx[1])  # the pupil's rim falls off over one sample, so that it is a circle and no staircase
    pupil = np.clip((na / wavelength - k) / edge + 0.5, 0, 1)
    axial = np.sqrt(np.maximum((index / wavelength) ** 2 - k**2, 0))
    psf = np.empty((planes, *shape[-2:]))
    for plane, height in zip(psf, heights, strict=True):
        field = np.fft.ifft2(pupil * np.exp(2j * np.pi * height * axial))
        plane[...] = np.abs(field[np.ix_(rows, columns)]) ** 2
    return _normalised(psf.reshape(shape))


def confocal_psf(
    shape: Shape = (31, 31, 31),
    *,
    na: float = 1.2,
    wavelength: float = 0.6,
    index: float = 1.33,
    voxel: tuple[float, ...] = VOXEL,
) -> Volume:
    """Confocal PSF with a closed pinhole and no Stokes shift: the square of `wide_field_psf`; float64, sum 1."""
    return _normalised(wide_field_psf(shape, na=na, wavelength=wavelength, index=index, voxel=voxel) ** 2)


def _normalised(psf: Volume) -> Volume:
    unit: Volume = psf / psf.sum()
    return unit


def _axis(size: int, step: float, cone: float, cutoff: float) -> tuple[Volume, Volume]:
    """Frequencies of a grid fine enough for the field, wide enough for the cone of light and with enough samples of
    the pupil; and where the voxels lie on it."""
    finer = max(1, math.ceil(2.1 * step * cutoff))
    least = max((size + cone / step + 8) * finer, PUPIL_RADIUS * finer / (step * cutoff))
    length = smooth_length(math.ceil(least), multiple=2)
    return np.fft.fftfreq(length, step / finer), (np.arange(size) - size // 2) * finer % length
