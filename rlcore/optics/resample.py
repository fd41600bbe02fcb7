"""Resampling a point spread function to another voxel size."""

from __future__ import annotations

import math

import numpy as np

from rlcore.backend import Shape
from rlcore.errors import InputError
from rlcore.optics.psf import PSF
from rlcore.optics.sampling import read_axis

FEWEST = 3
"""Voxels on an axis below which a PSF is resampled to nothing: no blur is left."""
MOST_OF_IMAGE, MOST_ALONE = 4, 32
"""Most voxels on an axis, as multiples of the image's or the PSF's own; and of the PSF's own for an unknown image."""


def resample_psf(psf: PSF, voxel: tuple[float, ...], target: tuple[float, ...], *, within: Shape | None = None) -> PSF:
    """Resample a PSF to other voxels about the same centre, as far as it reaches.

    Between voxels it is interpolated as a band-limited function, which a PSF is if its voxels are small enough.
    Negative values become 0.

    Parameters
    ----------
    psf : PSF
        A PSF made by `prepare_psf`.
    voxel, target : tuple of float
        Lengths of its voxels and of the new ones along each axis, in one unit.
    within : tuple of int, optional
        Shape of the image.

    Returns
    -------
    PSF
        Sum 1; its notes give both shapes.

    Raises
    ------
    InputError
        If a length is not positive, or if the new voxels are so large or so small that one of both sizes is wrong:
        fewer than three of them on an axis, or many times the image's. Nothing large is allocated before.
    """
    if (
        len(voxel) != psf.values.ndim
        or len(target) != psf.values.ndim
        or not all(0 < length < math.inf for length in (*voxel, *target))
    ):
        raise InputError(
            f"voxels {voxel!r} and {target!r} are not those of a psf; give a positive length for each axis"
        )
    ratios = [theirs / ours for ours, theirs in zip(voxel, target, strict=True)]
    # The 1e-6 keeps the outermost voxel where the ratio of lengths is rounded upwards.
    centre = [math.floor(at / ratio + 1e-6) for at, ratio in zip(psf.centre, ratios, strict=True)]
    behind = [size - 1 - at for size, at in zip(psf.values.shape, psf.centre, strict=True)]
    after = [math.floor(rest / ratio + 1e-6) for rest, ratio in zip(behind, ratios, strict=True)]
    shape = tuple(b + 1 + a for b, a in zip(centre, after, strict=True))
    _check_shape(psf.values.shape, shape, (voxel, target), within)
    values = psf.values
    for axis, (ratio, at) in enumerate(zip(ratios, psf.centre, strict=True)):
        values = read_axis(values, axis, at + ratio * np.arange(-centre[axis], after[axis] + 1))
    values = np.maximum(values, 0)
    values = np.ascontiguousarray(values / values.sum())
    values.setflags(write=False)
    note = f"resampled from {psf.values.shape!r} to {values.shape!r} voxels, to the image's voxel size"
    return PSF(values, tuple(centre), (*psf.notes, note))


def _check_shape(
    own: Shape, shape: Shape, voxels: tuple[tuple[float, ...], tuple[float, ...]], within: Shape | None
) -> None:
    """Raises InputError for a shape that no PSF has on the image's voxels."""
    images = (0,) * len(own) if within is None else within
    most = MOST_ALONE if within is None else MOST_OF_IMAGE
    # An axis that was as short is no fault of the voxels.
    small = any(new < FEWEST and new < old for new, old in zip(shape, own, strict=True))
    large = any(new > most * max(old, image) for new, old, image in zip(shape, own, images, strict=True))
    if small or large:
        ours, theirs = (" x ".join(f"{length:.6g}" for length in lengths) for lengths in voxels)
        raise InputError(
            f"psf with voxels of {ours} would have {' x '.join(map(str, shape))} of the image's, of {theirs}: too "
            f"{'few' if small else 'many'}, so one of both sizes is wrong; correct it (command line: --voxel for the "
            "image, --psf-voxel for the psf)"
        )
