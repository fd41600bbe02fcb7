"""The edge of a point spread function: a pedestal under all of it, or light that the edge cuts off."""

from __future__ import annotations

import numpy as np

from rlcore.backend import Volume
from rlcore.optics.sampling import shell, smooth

PEDESTAL = 0.01
"""Share of the maximum above which the outer shell's median counts as a background that was not subtracted."""

CUT_OFF = 0.08
"""Share of the energy on the outer shell from which on a PSF counts as cut off. Of PSFs cut to a box those beyond it
cost 5 % of the error and more (`python docs/measure_cut_psfs.py`)."""

MIN_WITH_SHELL = 5
"""Voxels of the shortest axis from which on the outer shell is expected to be dark: a smaller PSF is all peak."""

_LEVEL = 0.7
"""Share of the shell's median that a tenth of the shell falls below, if the shell is light of the PSF: a pedestal is
level, and light that is cut off falls towards the corners."""

_MUCH = 0.12
"""Share of the energy on the outer shell up to which a shell may be uneven and a pedestal, as measured ones are. Of
PSFs that were cut until their shell stands out it is more."""

_BOX = 0.99
"""Share of the maximum that no voxel of a box falls below, which is meant to end at its edge."""

_FAINT = 3.0
"""Standard deviations of the noise below which a smoothed value replaces the voxel's own."""

_ROOMY = 15
"""Voxels of the shortest axis from which on smoothing carries no light from the peak to the outer shell."""


def pedestal_share(values: Volume) -> float:
    """Median of the outer shell as a share of the maximum; 0 for a PSF whose shell is its own light, or all peak."""
    if min((size for size in values.shape if size > 2), default=0) < MIN_WITH_SHELL:
        return 0.0
    share = float(np.median(shell(values)) / values.max())
    if share > PEDESTAL:
        soft = shell(smooth(values, 2))  # noise makes the shell of a pedestal uneven too
        uneven = edge_share(values) > _MUCH and float(np.percentile(soft, 10)) < _LEVEL * float(np.median(soft))
        if uneven or edge_share(without_floor(values)[0]) > CUT_OFF:
            return 0.0
    return share


def edge_share(values: Volume) -> float:
    """Share of the energy on the outer shell."""
    return float(np.maximum(shell(values), 0).sum() / values.sum())


def pedestal_doubt(values: Volume) -> str | None:
    """Sentence about a non-negative PSF that stands on a pedestal, with the remedy."""
    if values.min() >= _BOX * values.max() or (level := pedestal_share(values)) <= PEDESTAL:
        return None
    return (
        f"psf stands on a pedestal: its outer shell's median is {level:.1%} of its maximum; take it off with "
        "background='auto' (command line: --psf-background auto) unless the psf really ends there"
    )


def cut_off_doubt(values: Volume) -> str | None:
    """Sentence about a non-negative PSF whose light reaches its edge, and does not stand on a pedestal there."""
    if values.min() >= _BOX * values.max() or pedestal_share(values) > PEDESTAL:
        return None
    if (share := edge_share(values)) <= CUT_OFF:
        return None
    size = " x ".join(map(str, values.shape))
    return (
        f"psf of {size} voxels is cut off: {share:.0%} of its light is on its outermost voxels, so more is missing "
        "beyond them; measure or compute a larger one"
    )


def without_floor(values: Volume) -> tuple[Volume, float]:
    """Values less the median of their outer shell, clipped at 0; and that median.

    Voxels that are lost in noise are smoothed first, so that noise averages to nothing before it is clipped.
    """
    level = float(np.median(shell(values)))
    bare = values - level
    if not is_roomy(values):
        return np.maximum(bare, 0), level
    soft = smooth(bare, 4)
    # The PSF is dark on its shell: what smoothing removes there is noise alone.
    rough = shell(bare - soft)
    noise = 1.4826 * float(np.median(np.abs(rough - np.median(rough))))
    faint = soft < _FAINT * noise
    return np.maximum(np.where(faint, soft, bare), 0), level


def is_roomy(values: Volume) -> bool:
    """Test whether smoothing carries no light from the peak to the outer shell."""
    return min((size for size in values.shape if size > 2), default=0) >= _ROOMY
