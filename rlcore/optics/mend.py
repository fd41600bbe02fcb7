"""Mending a measured point spread function: its pedestal taken off, its noise quietened, its peak put in the middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError
from rlcore.optics.sampling import peak, shell, shift, smooth
from rlcore.psf import PEDESTAL, read_psf

OFF_CENTRE = 0.5
"""Voxels between peak and middle beyond which a PSF moves what it restores."""

_DIM = 0.97
"""Share of the maximum: a middle as bright lies on the peak's plateau, and is none off."""

_FAINT = 3.0
"""Of the noise: what is less after smoothing is smoothed."""


_ROOMY = 15
"""Voxels of an axis from which on smoothing does not bring the peak's light to the shell."""


@dataclass(frozen=True, slots=True, eq=False)
class Mended:
    """A PSF without the faults that can be mended, and what they were."""

    values: Volume
    """float64, non-negative, of the same shape; in the units it came in."""
    pedestal: float
    """What was taken off, as a share of the maximum; 0 if nothing was."""
    offset: tuple[float, ...]
    """Voxels that the peak was moved by to come to the middle; all 0 if it was not moved."""

    @property
    def faults(self) -> list[str]:
        """What was wrong, with the figures."""
        found = []
        if self.pedestal:
            found.append(f"stands on a pedestal of {self.pedestal:.1%} of its maximum")
        if any(self.offset):
            found.append(f"is off centre: its peak is {tuple(-round(step, 1) for step in self.offset)!r} voxels off")
        return found


def mend_psf(values: Volume, *, pedestal: bool = True, centre: bool = True) -> Mended:
    """Mend what can be mended; a sound PSF comes back as it is.

    Parameters
    ----------
    values : ndarray
        A PSF on 2 or 3 axes.
    pedestal : bool
        Take off the median of the outer shell if it is more than 1 % of the maximum, and quieten what is then lost in
        noise, which would otherwise be a pedestal again once its negative half is cut off.
    centre : bool
        Move the peak to voxel P//2 if it is more than half a voxel off.

    Raises
    ------
    InputError
        If it is no PSF, or there is no light in it.
    """
    mended = read_psf(values, None)
    top = float(mended.max())
    if not top > 0:
        raise InputError("psf has no positive sum; give one that holds light")
    level = 0.0
    if pedestal and stands_on(mended) > PEDESTAL:
        mended, level = without_floor(mended)
    offset = _offset(mended) if centre else (0.0,) * mended.ndim
    if any(offset):
        mended = np.maximum(shift(mended, offset), 0)
    return Mended(mended, level / top, offset)


def stands_on(values: Volume) -> float:
    """Median of the outer shell as a share of the maximum; 0 for a PSF too small to have one."""
    if min((size for size in values.shape if size > 2), default=0) < 5:
        return 0.0
    return float(np.median(shell(values)) / values.max())


def without_floor(values: Volume) -> tuple[Volume, float]:
    """The values less the median of their outer shell, none negative, and that median.

    Where they are lost in noise they are smoothed first, so that noise averages to nothing before it is cut off at 0.
    """
    level = float(np.median(shell(values)))
    bare = values - level
    if not _is_roomy(values):
        return np.maximum(bare, 0), level
    soft = smooth(bare, 4)
    rough = shell(bare - soft)
    noise = 1.4826 * float(np.median(np.abs(rough - np.median(rough))))
    faint = soft < _FAINT * noise
    return np.maximum(np.where(faint, soft, bare), 0), level


def _is_roomy(values: Volume) -> bool:
    return min((size for size in values.shape if size > 2), default=0) >= _ROOMY


def middle(shape: Shape) -> Shape:
    """The voxel that a PSF is centred about unless something else is said."""
    return tuple(size // 2 for size in shape)


def _offset(values: Volume) -> tuple[float, ...]:
    """What brings the peak to the middle; nothing if it is there."""
    at = middle(values.shape)
    soft = smooth(values)
    by = tuple(m - place for m, place in zip(at, peak(values), strict=True))
    if max(map(abs, by)) <= OFF_CENTRE or soft[at] >= _DIM * soft.max():
        return (0.0,) * values.ndim
    # Few voxels hold no more than a peak, which is seldom band-limited: it is moved by whole ones.
    return by if _is_roomy(values) else tuple(float(round(step)) for step in by)
