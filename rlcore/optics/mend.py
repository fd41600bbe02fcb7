"""Mending a measured point spread function: its pedestal is subtracted, its noise smoothed, its peak centred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError
from rlcore.optics.edge import PEDESTAL, is_roomy, pedestal_share, without_floor
from rlcore.optics.psf import NEAR_PEAK, read_psf
from rlcore.optics.sampling import peak, shift, smooth

OFF_CENTRE = 0.5
"""Voxels between peak and middle beyond which a PSF counts as off centre; a restored object moves by as much."""


@dataclass(frozen=True, slots=True, eq=False)
class Mended:
    """A mended PSF, and the faults that it had."""

    values: Volume
    """float64, in the shape and unit of the given PSF; non-negative if anything was mended."""
    pedestal: float
    """Background subtracted, as a share of the maximum; 0 if none was."""
    offset: tuple[float, ...]
    """Voxels by which the peak was moved to the middle; all 0 if it was not."""

    @property
    def faults(self) -> list[str]:
        """Faults that were mended, with their figures; each continues a sentence that begins with the PSF."""
        found = []
        if self.pedestal:
            found.append(f"stands on a pedestal of {self.pedestal:.1%} of its maximum")
        if any(self.offset):
            found.append(f"is off centre: its peak is {tuple(-round(step, 1) for step in self.offset)!r} voxels off")
        return found


def mend_psf(values: Volume, *, pedestal: bool = True, centre: bool = True) -> Mended:
    """Subtract a pedestal and centre the peak; a sound PSF is returned as it is, to the last bit.

    Parameters
    ----------
    values : ndarray
        A PSF on 2 or 3 axes.
    pedestal : bool
        Subtract the median of the outer shell if it is more than 1 % of the maximum, and smooth voxels that are then
        lost in noise: noise would be a pedestal again once its negative half is cut off.
    centre : bool
        Move the peak to voxel P//2 if it is more than half a voxel off.

    Returns
    -------
    Mended

    Raises
    ------
    InputError
        If the values are not finite real numbers on 2 or 3 axes, or hold no light.
    """
    mended = read_psf(values, None)
    top = float(mended.max())
    if not top > 0:
        raise InputError("psf has no positive sum; give one that holds light")
    level = 0.0
    if pedestal and pedestal_share(mended) > PEDESTAL:
        mended, level = without_floor(mended)
    offset = _offset(mended) if centre else (0.0,) * mended.ndim
    if any(offset):
        mended = np.maximum(shift(mended, offset), 0)  # interpolation rings below 0 beside a sharp peak
    return Mended(mended, level / top, offset)


def middle(shape: Shape) -> Shape:
    """Default centre of a PSF: voxel P//2 on each axis."""
    return tuple(size // 2 for size in shape)


def _offset(values: Volume) -> tuple[float, ...]:
    """Shift that brings the peak to the middle, in voxels; zeros if it is there, or on the same plateau."""
    at = middle(values.shape)
    soft = smooth(values)
    by = tuple(m - place for m, place in zip(at, peak(values), strict=True))
    if max(map(abs, by)) <= OFF_CENTRE or soft[at] >= NEAR_PEAK * soft.max():
        return (0.0,) * values.ndim
    # A PSF of few voxels is seldom band-limited, and interpolation would ring: it is moved by whole voxels.
    return by if is_roomy(values) else tuple(float(round(step)) for step in by)
