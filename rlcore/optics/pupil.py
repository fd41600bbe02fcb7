"""The field behind a circular pupil, plane by plane: scalar diffraction, with spherical aberration or without."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.backend.kit.fft_lengths import smooth_length
from rlcore.errors import InputError
from rlcore.optics.microscope import NEAR_CRITICAL, Microscope

LONGEST_GRID = 1 << 15
"""Most samples of the grid along an axis: planes of more take minutes and gigabytes each."""

PUPIL_RADIUS = 64
"""Minimum samples along the pupil's radius, with which the intensity is within 1e-3 of its peak of the integral."""


def gibson_lanni(
    microscope: Microscope, wavelength: float, heights: Sequence[float], shape: Shape, voxel: tuple[float, float]
) -> Volume:
    """Scalar diffraction with the spherical aberration of a specimen or coverslip of another index.

    Gibson & Lanni, J. Opt. Soc. Am. A 8, 1601 (1991), for an objective used in the medium it is made for, with exact
    rather than paraxial phases, a uniform pupil and, beyond the specimen's critical angle, evanescent waves.

    Parameters
    ----------
    microscope : Microscope
        Objective and specimen; light and technique are not used.
    wavelength : float
        Micrometres, in vacuum.
    heights : sequence of float
        Micrometres that the stage has moved the focus into the specimen; at 0 paraxial rays meet.
    shape : tuple of int
        Voxels along y and x; the optical axis is at voxel P//2.
    voxel : tuple of float
        Micrometres along y and x.

    Returns
    -------
    ndarray
        Intensities (heights, y, x), float64, all in one unit.
    """
    na, index = microscope.na, microscope.index
    cone = float(np.abs(heights).max()) * na / math.sqrt(index**2 - na**2) + _spread(microscope)
    axes = [_axis(size, step, cone, na / wavelength) for size, step in zip(shape, voxel, strict=True)]
    (ky, rows), (kx, columns) = axes
    k = np.hypot(ky[:, None], kx[None, :])
    edge = max(ky[1], kx[1])  # the pupil's rim falls off over one sample, so that it is a circle and no staircase
    pupil = np.clip((na / wavelength - k) / edge + 0.5, 0, 1)
    axial = np.sqrt(np.maximum((index / wavelength) ** 2 - k**2, 0))
    if microscope.aberrated:
        pupil = pupil * _aberration(microscope, wavelength, k, axial)
    planes = np.empty((len(heights), *shape))
    for plane, height in zip(planes, heights, strict=True):
        field = np.fft.ifft2(pupil * np.exp(2j * np.pi * height * axial))
        plane[...] = np.abs(field[np.ix_(rows, columns)]) ** 2
    return planes


def born_wolf(
    microscope: Microscope, wavelength: float, heights: Sequence[float], shape: Shape, voxel: tuple[float, float]
) -> Volume:
    """Scalar diffraction without aberration, whatever the specimen's index and depth.

    Born & Wolf, Principles of Optics, section 8.8, with the exact phase of defocus rather than its paraxial form.
    Parameters and result are those of `gibson_lanni`.
    """
    perfect = replace(microscope, sample_index=None, depth=0.0, coverslip_error=0.0)
    return gibson_lanni(perfect, wavelength, heights, shape, voxel)


def _aberration(microscope: Microscope, wavelength: float, k: Volume, axial: Volume) -> Volume:
    """Factor of the pupil for layers that the objective is not made for.

    Its phase is the path that they add, less that of the immersion medium which makes room for them: of so much that
    paraxial rays stay in focus.
    """
    path = np.zeros(k.shape, dtype=complex)
    for thickness, index in microscope.layers:
        inside = np.sqrt((index / wavelength) ** 2 - k**2 + 0j)
        path += thickness * (microscope.index / index * axial - inside.conj())  # conj: waves beyond the angle decay
    factor: Volume = np.exp(2j * np.pi * path)
    return factor


def _spread(microscope: Microscope) -> float:
    """Largest distance from the axis of aberrated rays in the plane where paraxial ones meet, in micrometres."""
    spread = 0.0
    for thickness, index in microscope.layers:
        s = np.linspace(0, min(microscope.na, NEAR_CRITICAL * index), 200)
        ours = microscope.index / index * s / np.sqrt(microscope.index**2 - s**2)
        spread += abs(thickness) * float(np.abs(ours - s / np.sqrt(index**2 - s**2)).max())
    return spread


def _axis(size: int, step: float, cone: float, cutoff: float) -> tuple[Volume, Volume]:
    """Frequencies of the grid that the field is computed on, and the indices of the voxels on it.

    The grid is fine enough for the field, wide enough for the cone of light, and has enough samples of the pupil.
    """
    # The field's band ends at `cutoff`, so 2 samples a period suffice, and 2.1 leave room for the rim's soft fall. The
    # intensity has twice the band, but it is only squared on the voxels and needs no grid of its own.
    finer = max(1, math.ceil(2.1 * step * cutoff))
    minimum = max((size + cone / step + 8) * finer, PUPIL_RADIUS * finer / (step * cutoff))
    if minimum > LONGEST_GRID:
        raise InputError(
            f"psf of {size} voxels of {step:g} µm needs a grid of {minimum:.3g} samples along an axis, more than "
            f"{LONGEST_GRID}; give other voxels, fewer of them, or less depth"
        )
    length = smooth_length(math.ceil(minimum), multiple=2)
    # The axis is at index 0 of a discrete Fourier transform, so voxels before it wrap to the end.
    return np.fft.fftfreq(length, step / finer), (np.arange(size) - size // 2) * finer % length
