"""Preparing a PSF on the host: it is checked, freed of background, centred, cropped and normalised."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError, caution
from rlcore.optics.edge import cut_off_doubt, pedestal_doubt
from rlcore.optics.sampling import shell

NEAR_PEAK = 0.97
"""Share of the smoothed maximum from which on a voxel belongs to the peak's plateau."""

_CENTRES = ("middle", "peak", "mass")


class PSFWarning(UserWarning):
    """A PSF that can be used, but that probably gives another result than was meant."""


@dataclass(frozen=True, slots=True, eq=False)
class PSF:
    """A point spread function ready for use; made by `prepare_psf`."""

    values: Volume
    """float64, non-negative, sum 1, C-contiguous, read-only."""
    centre: Shape
    """Index of the voxel that light spreads from."""
    notes: tuple[str, ...] = ()
    """Changes made to it, a phrase each, for people."""


def prepare_psf(
    psf: Any,
    *,
    ndim: int | None = None,
    centre: str | Sequence[int] = "middle",
    background: float | str = 0.0,
    energy: float = 1.0,
) -> PSF:
    """Check, centre, crop and normalise a PSF for deconvolution.

    Parameters
    ----------
    psf : array_like or PSF
        Real values on 2 or 3 axes, of any size, odd or even; further leading axes of one entry are left out. A `PSF` is
        returned as it is.
    ndim : int, optional
        Axes of the image; the PSF must have as many.
    centre : {"middle", "peak", "mass"} or sequence of int, default "middle"
        The voxel that light spreads from: voxel P//2 of P on each axis, the brightest voxel, the voxel nearest to the
        centre of mass, or the given voxel of `psf`.
    background : float or "auto", default 0
        Level to subtract first, in the unit of `psf`; "auto" is the median of the outer shell. Negative values then
        become 0.
    energy : float, default 1
        Share of the sum to keep. Below 1 the PSF is cropped to the smallest box, symmetric about the centre as far as
        the PSF reaches, that holds this share.

    Returns
    -------
    PSF
        Sum 1, in float64; its `centre` counts in voxels of the cropped array.

    Raises
    ------
    InputError
        If the PSF or an option cannot be used as given.

    Warns
    -----
    PSFWarning
        If the outer shell is a pedestal of more than 1 % of the maximum, or holds more than 8 % of the light, which is
        cut off there; or if the centre is not at the peak. The peak is that
        after smoothing over 3 voxels; a centre on its plateau, or between equally high peaks, counts as at the peak.
    """
    if isinstance(psf, PSF):
        _check_axes(psf.values.ndim, ndim)
        return psf
    if not 0 < energy <= 1:
        raise InputError(f"energy {energy!r} is not in (0, 1]; give the share of the psf to keep, such as 0.999")
    values = read_psf(psf, ndim)
    values, notes = _without_background(values, background)
    at, centre_notes = _find_centre(values, centre)
    # Before cropping, which would take the shell off, and move the centre's indices.
    off = None if centre == "peak" else _off_peak(values, at)
    # a peak beside the centre may lie at the edge, which moving it mends
    doubts = [pedestal_doubt(values), off or cut_off_doubt(values)]
    for doubt in filter(None, doubts):
        caution(doubt, PSFWarning)
    values, at, crop_notes = _crop(values, at, energy)
    values = np.ascontiguousarray(values / values.sum())
    values.setflags(write=False)
    return PSF(values, at, (*notes, *centre_notes, *crop_notes))


def _check_axes(axes: int, ndim: int | None) -> None:
    if axes not in (2, 3):
        raise InputError(f"psf has {axes} axes; give it 2 or 3")
    if ndim is not None and axes != ndim:
        other = "or restore the image's planes one by one" if ndim == 3 else "or the whole stack (z, y, x) as the image"
        raise InputError(f"psf has {axes} axes but the image has {ndim}; give a psf of {ndim} axes, {other}")


def read_psf(psf: Any, ndim: int | None) -> Volume:
    """Copy finite real numbers on 2 or 3 axes, or on `ndim`, to float64; raises InputError for anything else.

    Leading axes of one entry beyond these are left out.
    """
    if isinstance(psf, np.ma.MaskedArray) and (count := int(np.ma.getmaskarray(psf).sum())):
        raise InputError(f"psf has {count} masked voxels, whose values would count; fill them first, by psf.filled(0)")
    try:
        array = np.asarray(psf)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"psf of type {type(psf).__name__!r} is not an array of numbers: {error}") from error
    if array.dtype.kind not in "buif":
        raise InputError(f"psf has dtype {str(array.dtype)!r}; give real numbers (of a complex one, abs(psf)**2)")
    array = without_leading_axes(array, ndim or 3)
    _check_axes(array.ndim, ndim)
    if array.size == 0:
        raise InputError(f"psf of shape {array.shape!r} is empty; give at least one voxel on every axis")
    values = array.astype(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        first = tuple(bad[0].tolist())
        raise InputError(f"psf has {len(bad)} NaN or infinite voxels, the first at {first!r}; replace them, by 0 say")
    return values


def without_leading_axes(array: Volume, most: int) -> Volume:
    """View of an array without its leading axes of one entry, as far as it has more than `most` axes."""
    while array.ndim > most and array.shape[0] == 1:
        array = array[0]
    return array


def _without_background(values: Volume, background: float | str) -> tuple[Volume, list[str]]:
    """Values less their background, none negative, scaled to a maximum of 1; and notes."""
    if background == "auto":
        level = _shell_median(values)
    elif isinstance(background, str) or not np.isfinite(background):
        raise InputError(f"background {background!r} of the psf is not known; give a finite number or 'auto'")
    else:
        level = float(background)
    scale = float(np.abs(values).max()) or 1.0  # first, so that no sum overflows
    values = values / scale - level / scale
    if not values.sum() > 0:
        taken = f" after its background {level:g} is taken off" if level else ""
        raise InputError(f"psf has no positive sum{taken}; give one that holds light, or another background")
    notes = [f"background {level:g} taken off"] if level else []
    negative = values < 0
    if count := int(negative.sum()):
        share = -values[negative].sum() / values[~negative].sum()
        notes.append(f"{count} negative values set to 0 ({share:.2%} of the sum of the others)")
        values = np.where(negative, 0.0, values)
    return values / values.max(), notes


def _shell_median(values: Volume) -> float:
    """Median of the outermost voxels; 0 where no axis is long enough to have an inside."""
    outermost = shell(values)
    return float(np.median(outermost)) if outermost.size else 0.0


def _find_centre(values: Volume, centre: str | Sequence[int]) -> tuple[Shape, list[str]]:
    if isinstance(centre, str):
        if centre not in _CENTRES:
            raise InputError(f"centre {centre!r} is not known; choose one of {', '.join(_CENTRES)}, or give a voxel")
        if centre == "middle":
            return tuple(size // 2 for size in values.shape), []
        if centre == "peak":
            at = _index(values.argmax(), values.shape)
            return at, [f"centre taken at its peak {at!r}"]
        return _centre_of_mass(values)
    try:
        at = tuple(operator.index(position) for position in centre)
    except TypeError as error:
        raise InputError(f"centre {centre!r} is not a voxel; give one whole number per axis") from error
    if len(at) != values.ndim or any(not 0 <= p < size for p, size in zip(at, values.shape, strict=True)):
        raise InputError(f"centre {at!r} is not inside the psf of shape {values.shape!r}; count its voxels from 0")
    return at, [f"centre taken at {at!r} as given"]


def _centre_of_mass(values: Volume) -> tuple[Shape, list[str]]:
    total = values.sum()
    exact = [
        float(np.moveaxis(values, axis, 0).reshape(size, -1).sum(axis=1) @ np.arange(size) / total)
        for axis, size in enumerate(values.shape)
    ]
    at = tuple(int(position + 0.5 + 1e-9) for position in exact)  # halves go up, as P//2 does
    rest = ", ".join(f"{position - voxel:+.2f}" for position, voxel in zip(exact, at, strict=True))
    return at, [f"centre taken at its centre of mass {at!r}; ({rest}) voxels beside it are left over"]


def _off_peak(values: Volume, at: Shape) -> str | None:
    """Warning unless `at` lies in the box about all voxels that are nearly as high as the smoothed peak."""
    smooth = values
    for axis, size in enumerate(values.shape):
        edge = np.pad(smooth, [(int(other == axis),) * 2 for other in range(values.ndim)], mode="edge")
        smooth = 2 * smooth + np.take(edge, range(size), axis=axis) + np.take(edge, range(2, size + 2), axis=axis)
    near = np.argwhere(smooth >= NEAR_PEAK * smooth.max())
    if np.all(near.min(axis=0) <= at) and np.all(at <= near.max(axis=0)):
        return None
    peak = _index(smooth.argmax(), values.shape)
    shift = tuple(p - c for p, c in zip(peak, at, strict=True))
    return (
        f"psf has its peak at {peak!r} but the centre is taken at {at!r}, which moves the result by {shift!r} voxels; "
        "use centre='peak' unless that is meant"
    )


def _crop(values: Volume, at: Shape, energy: float) -> tuple[Volume, Shape, list[str]]:
    """Crop to the smallest box that holds the energy, of equal reach to both sides of `at` as far as the array goes."""
    if energy == 1:
        return values, at, []
    # `within[r]` becomes the energy inside the box of reach r: each axis is folded at the centre, then accumulated.
    within = values
    for axis, middle in enumerate(at):
        line = np.moveaxis(within, axis, 0)
        by_reach = np.zeros((max(middle, len(line) - 1 - middle) + 1, *line.shape[1:]))
        by_reach[: len(line) - middle] += line[middle:]
        by_reach[1 : middle + 1] += line[:middle][::-1]
        within = np.moveaxis(by_reach.cumsum(axis=0), 0, axis)
    voxels = np.ones(within.shape)
    for axis, (middle, size) in enumerate(zip(at, values.shape, strict=True)):
        reach = np.arange(within.shape[axis])
        lengths = np.minimum(reach, middle) + np.minimum(reach, size - 1 - middle) + 1
        voxels *= lengths.reshape([-1 if other == axis else 1 for other in range(values.ndim)])
    total = within[(-1,) * within.ndim]  # not values.sum(), which is rounded otherwise: energy near 1 must find a box
    voxels[within < energy * total] = np.inf
    reaches = _index(voxels.argmin(), within.shape)
    box = tuple(slice(max(middle - reach, 0), middle + reach + 1) for middle, reach in zip(at, reaches, strict=True))
    kept = values[box]
    if kept.shape == values.shape:
        return values, at, []
    lost = 1 - within[reaches] / total
    note = f"cropped from {values.shape!r} to {kept.shape!r}, which gives up {lost:.3%} of its energy"
    return kept, tuple(middle - part.start for middle, part in zip(at, box, strict=True)), [note]


def _index(flat: Any, shape: Shape) -> Shape:
    return tuple(int(position) for position in np.unravel_index(flat, shape))
