"""Resampling a point spread function to another voxel size."""

from __future__ import annotations

import math

import numpy as np

from rlcore.errors import InputError
from rlcore.optics.psf import PSF
from rlcore.optics.sampling import read_axis


def resample_psf(psf: PSF, voxel: tuple[float, ...], target: tuple[float, ...]) -> PSF:
    """Resample a PSF to other voxels about the same centre, as far as it reaches.

    Between voxels it is interpolated as a band-limited function, which a PSF is if its voxels are small enough.
    Negative values become 0.

    Parameters
    ----------
    psf : PSF
        A PSF made by `prepare_psf`.
    voxel, target : tuple of float
        Lengths of its voxels and of the new ones along each axis, in one unit.

    Returns
    -------
    PSF
        Sum 1; its notes give both shapes.

    Raises
    ------
    InputError
        If a length is not positive.
    """
    if len(voxel) != psf.values.ndim or len(target) != psf.values.ndim or min(*voxel, *target) <= 0:
        raise InputError(
            f"voxels {voxel!r} and {target!r} are not those of a psf; give a positive length for each axis"
        )
    values, centre = psf.values, []
    for axis, (size, ours, theirs) in enumerate(zip(psf.values.shape, voxel, target, strict=True)):
        ratio, at = theirs / ours, psf.centre[axis]
        # The 1e-6 keeps the outermost voxel where the ratio of lengths is rounded upwards.
        before = math.floor(at / ratio + 1e-6)
        after = math.floor((size - 1 - at) / ratio + 1e-6)
        values = read_axis(values, axis, at + ratio * np.arange(-before, after + 1))
        centre.append(before)
    values = np.maximum(values, 0)
    values = np.ascontiguousarray(values / values.sum())
    values.setflags(write=False)
    note = f"resampled from {psf.values.shape!r} to {values.shape!r} voxels, to the image's voxel size"
    return PSF(values, tuple(centre), (*psf.notes, note))
