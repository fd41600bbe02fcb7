"""Finding beads in a stack, and choosing those that can be averaged to a point spread function."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError
from rlcore.optics.sampling import smooth

REASONS = ("at the border", "too near another", "saturated")
"""Reasons for leaving a bead out, as keys of `Selection.rejected`."""

_SHARED = 2
"""Voxels that may share the stack's maximum by chance."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Beads found in a stack, usable or not, and the level and noise of the stack."""

    places: tuple[Shape, ...]
    """Brightest voxel of every usable bead, the brightest bead first."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Number of unusable beads for each of `REASONS`."""
    background: float = 0.0
    """Median of the stack, in counts."""
    noise: float = 0.0
    """Standard deviation of the smoothed stack away from beads, in counts."""

    @property
    def found(self) -> int:
        """Number of beads, usable or not."""
        return len(self.places) + sum(self.rejected.values())


def find_beads(
    stack: Volume, window: Shape, *, threshold: float | None = None, saturation: float | None = None
) -> Selection:
    """Find bright spots, and leave out those at the border, near another, or saturated.

    Parameters
    ----------
    stack : ndarray
        Counts on 2 or 3 axes.
    window : tuple of int
        Voxels about a bead, on each axis, that must be inside the stack and free of others.
    threshold : float, optional
        Counts above the background that a bead must exceed after smoothing; by default a tenth of the brightest bead
        that is not saturated, but at least 6 times the noise.
    saturation : float, optional
        Counts at which the camera is full; by default the maximum if more than two voxels share it, else the largest
        value of an integer type.

    Returns
    -------
    Selection

    Raises
    ------
    InputError
        If the window does not fit into the stack, or if nothing is found.
    """
    if len(window) != stack.ndim or any(w > n or w < 3 for w, n in zip(window, stack.shape, strict=True)):
        raise InputError(f"window {window!r} does not fit into the stack of shape {stack.shape!r}; give a smaller one")
    background = float(np.median(stack))
    soft = smooth(np.asarray(stack, dtype=np.float64) - background)
    # 1.4826 median absolute deviations are a normal distribution's standard deviation, whatever a few beads add.
    noise = float(1.4826 * np.median(np.abs(soft - np.median(soft))))
    # Beyond 6 standard deviations noise makes 1 peak in 10^9 voxels.
    peaks = np.argwhere((soft == _highest(soft, 2)) & (soft > 6 * noise))
    heights = soft[tuple(peaks.T)]
    saturation = _full_from(stack) if saturation is None else saturation
    full = np.array([_is_full(stack, tuple(at), saturation) for at in peaks.tolist()], dtype=bool)
    if threshold is None:
        clear = heights[~full]
        threshold = max(6 * noise, 0.1 * float(np.max(clear, initial=0.0)))
    order = np.argsort(-heights)
    bright = [index for index in order.tolist() if heights[index] > threshold]
    if not bright:
        raise InputError(
            "stack shows no bead above its noise; give a stack of bright single beads, or a lower threshold"
        )
    # Whatever stands out of the noise disturbs its neighbours, but only a tenth of the brightest counts as a bead.
    disturbing = peaks[heights > max(6 * noise, 0.3 * threshold)]
    places, rejected = [], dict.fromkeys(REASONS, 0)
    for index in bright:
        reason = _why_not(peaks[index], disturbing, bool(full[index]), stack.shape, window)
        if reason:
            rejected[reason] += 1
        else:
            places.append(tuple(peaks[index].tolist()))
    return Selection(tuple(places), rejected, background, noise)


def _highest(volume: Volume, reach: int) -> Volume:
    """Largest value within `reach` voxels on every axis, for each voxel; axis by axis, since a maximum is separable."""
    for axis in range(volume.ndim):
        pad = [(reach * (other == axis),) * 2 for other in range(volume.ndim)]
        wide = np.pad(volume, pad, mode="edge")
        volume = np.lib.stride_tricks.sliding_window_view(wide, 2 * reach + 1, axis).max(axis=-1)
    return volume


def _full_from(stack: Volume) -> float:
    """Counts at which the camera is full: a maximum that several voxels share, else the largest value of the type."""
    top = float(stack.max())
    if int((stack == top).sum()) > _SHARED:
        return top
    return float(np.iinfo(stack.dtype).max) if stack.dtype.kind in "ui" else np.inf


def _is_full(stack: Volume, at: Shape, saturation: float) -> bool:
    # The peak of the smoothed stack need not be the saturated voxel itself.
    near = stack[tuple(slice(max(p - 2, 0), p + 3) for p in at)]
    return bool(near.max() >= saturation)


def _why_not(at: Volume, others: Volume, full: bool, shape: Shape, window: Shape) -> str | None:
    if full:
        return "saturated"
    half = np.array(window) // 2
    if np.any(at - half < 0) or np.any(at - half + window > shape):
        return "at the border"
    # Half a window more than the window itself is kept clear, for a neighbour spreads light beyond its peak.
    near = np.all(np.abs(others - at) <= 1.5 * half, axis=1)
    return "too near another" if near.sum() > 1 else None  # the bead itself is one of `others`
