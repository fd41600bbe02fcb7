"""Inspecting a point spread function: its figures, and warnings of faults that harm a deconvolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.optics.edge import PEDESTAL, edge_share, pedestal_share
from rlcore.optics.mend import OFF_CENTRE, mend_psf, middle
from rlcore.optics.psf import NEAR_PEAK, read_psf
from rlcore.optics.sampling import peak, read_axis, smooth

_FINER = 32
"""Samples per voxel of the profiles that widths are measured on."""
_UNDERSAMPLED, _CUT_OFF, _LOPSIDED, _NEGATIVE = 2.0, 0.05, 0.25, 0.01
"""Limits of the warnings: the minimum FWHM in voxels, and the maximum shares of energy on the outer shell, of energy
that differs when mirrored, and of negative light."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Figures of a PSF; tuples go along its axes."""

    shape: Shape
    peak: tuple[float, ...]
    """Position of the brightest point, in voxels from 0, to a fraction of a voxel."""
    offset: tuple[float, ...]
    """Distance from the middle voxel P//2 to the peak, in voxels."""
    fwhm: tuple[float, ...]
    """Full width at half maximum through the peak, in voxels; NaN where the PSF does not fall to half inside."""
    background: float
    """Median of the outer shell, as a share of the maximum."""
    at_edge: float
    """Share of the energy on the outer shell, after subtraction of a pedestal."""
    holds: Shape
    """Shape of the smallest box about the peak, in the proportions of the PSF, that holds 99 % of the energy."""
    asymmetry: tuple[float, ...]
    """Share of the energy that differs when each axis is mirrored about the peak: 0 for none, 1 for all."""
    negative: float
    """Sum of negative values over that of positive ones."""
    warnings: tuple[str, ...]
    """Faults that harm a deconvolution, each with its remedy."""

    def to_dict(self) -> dict[str, Any]:
        """Figures by name, in types that JSON has; an unknown width is None."""
        widths = [None if np.isnan(width) else width for width in self.fwhm]
        return {**{name: getattr(self, name) for name in self.__slots__}, "fwhm": widths}


def inspect_psf(values: Volume) -> Inspection:
    """Measure a PSF.

    Parameters
    ----------
    values : ndarray
        A PSF on 2 or 3 axes, in any unit.

    Returns
    -------
    Inspection
        Figures of the PSF without its pedestal, except those of background and negative values.

    Raises
    ------
    InputError
        If it holds no light or values that are not finite.
    """
    given = read_psf(values, None)
    bare = mend_psf(given, centre=False).values  # a pedestal of 1 % may hold most of the energy
    place = peak(bare)
    level = pedestal_share(given)
    positive = given[given > 0].sum()
    figures: dict[str, Any] = {
        "offset": tuple(p - m for p, m in zip(place, middle(given.shape), strict=True)),
        "fwhm": tuple(_fwhm(bare, place, axis) for axis in range(bare.ndim)),
        "background": level,
        "at_edge": edge_share(bare),
        "asymmetry": tuple(_asymmetry(bare, place[axis], axis) for axis in range(bare.ndim)),
        "negative": float(-given[given < 0].sum() / positive),
    }
    warnings = tuple(_warnings(given, place, figures))
    return Inspection(shape=given.shape, peak=place, holds=_holds(bare, place), warnings=warnings, **figures)


def profile(values: Volume, place: tuple[float, ...], axis: int, finer: int = 1) -> tuple[Volume, Volume]:
    """Profile along an axis through `place`, which may lie between voxels: positions in voxels, and values."""
    for other, at in enumerate(place):
        if other != axis:
            values = read_axis(values, other, np.array([at]))
    positions = np.arange((values.shape[axis] - 1) * finer + 1) / finer
    return positions, read_axis(values, axis, positions).ravel()


def _fwhm(values: Volume, place: tuple[float, ...], axis: int) -> float:
    positions, line = profile(values, place, axis, _FINER)
    top = int(np.abs(positions - place[axis]).argmin())
    # `place` is the peak after smoothing; the line itself is highest within a voxel of it.
    top += int(line[max(top - _FINER, 0) : top + _FINER + 1].argmax()) - min(top, _FINER)
    low = np.flatnonzero(line < line[top] / 2)
    before, after = low[low < top], low[low > top]
    if not len(before) or not len(after):
        return float("nan")
    return _crossing(positions, line, after[0], line[top] / 2) - _crossing(
        positions, line, before[-1] + 1, line[top] / 2
    )


def _crossing(positions: Volume, line: Volume, at: int, half: float) -> float:
    """Position at which the line crosses `half`, interpolated between samples `at - 1` and `at`."""
    share = (half - line[at - 1]) / (line[at] - line[at - 1])
    return float(positions[at - 1] + share * (positions[at] - positions[at - 1]))


def _asymmetry(values: Volume, at: float, axis: int) -> float:
    size = values.shape[axis]
    reach = int(min(at, size - 1 - at))
    ahead = read_axis(values, axis, at + np.arange(-reach, reach + 1))
    # Half the sum: light that lies elsewhere in the mirror image differs in both places.
    return float(np.abs(ahead - np.flip(ahead, axis)).sum() / 2 / np.abs(ahead).sum())


def _holds(values: Volume, place: tuple[float, ...]) -> Shape:
    """Shape of the smallest box that holds 99 % of the energy, grown about the peak by 1 % of the array at a time."""
    at = [round(p) for p in place]
    total = values.sum()
    for share in np.linspace(0.02, 1, 99):
        reaches = [int(np.ceil(share * max(m, n - 1 - m))) for m, n in zip(at, values.shape, strict=True)]
        box = tuple(slice(max(m - r, 0), m + r + 1) for m, r in zip(at, reaches, strict=True))
        if values[box].sum() >= 0.99 * total:
            break
    return tuple(values[box].shape)


def _warnings(values: Volume, place: tuple[float, ...], figures: dict[str, Any]) -> list[str]:
    axes = "zyx"[-values.ndim :]
    found = []
    if figures["background"] > PEDESTAL:
        found.append(
            f"pedestal: the outer shell's median is {figures['background']:.1%} of the maximum; mend it, since it "
            "takes light from everywhere"
        )
    soft = smooth(values)
    if max(map(abs, figures["offset"])) > OFF_CENTRE and soft[middle(values.shape)] < NEAR_PEAK * soft.max():
        by = ", ".join(f"{axis} {step:+.1f}" for axis, step in zip(axes, figures["offset"], strict=True))
        found.append(f"off centre: the peak is {by} voxels from the middle; mend it, or the result moves by as much")
    for axis, width in zip(axes, figures["fwhm"], strict=True):
        if np.isnan(width):
            found.append(f"cut off: it does not fall to half along {axis}; give a larger one")
        elif width < _UNDERSAMPLED:
            found.append(f"undersampled: {width:.1f} voxels wide along {axis}; take images with smaller voxels")
    if figures["at_edge"] > _CUT_OFF:
        found.append(f"cut off: {figures['at_edge']:.1%} of its energy is on its outer shell; give a larger one")
    for axis, share in zip(axes, figures["asymmetry"], strict=True):
        if share > _LOPSIDED:
            found.append(
                f"lopsided: {share:.0%} of it differs when {axis} is mirrored; check the beads unless it is aberrated"
            )
    if figures["negative"] > _NEGATIVE:
        found.append(f"negative: {figures['negative']:.1%} of its light is below 0, and counts as 0")
    if _is_saturated(values):
        found.append("saturated: several voxels share the maximum; measure it anew with less light")
    return found


def _is_saturated(values: Volume) -> bool:
    """Test for a flat peak on flanks that are not flat, as a full camera records it."""
    top = values.max()
    level = int((values == top).sum())
    # Four equal voxels may be a peak between voxels; a PSF that is level from edge to edge, like a box, is meant so.
    return level > 4 and level < int((values > 0.5 * top).sum()) / 2
