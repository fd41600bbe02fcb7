"""The step of total variation, for arrays of any array-API library."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rlcore.backend.boxes import Box

SLAB = 1 << 15
"""Voxels worked on at a time on the host: few enough for a cache."""


SLAB_ON_DEVICE = 1 << 24
"""Voxels worked on at a time on a device: enough to keep it busy."""


def smooth(
    xp: Any,
    array: Any,
    estimate: Any,
    *,
    weight: float,
    slack: float,
    epsilon: float,
    inside: Box | None,
    out: Any = None,
    slab: int = SLAB,
) -> Any:
    """The step of total variation, a few planes at a time; see `rlcore.backend.Backend.smooth`."""
    if out is None:
        out = xp.asarray(array, copy=True)
    elif out is not array:
        out[...] = array
    part = (...,) if inside is None else inside.slices((0,) * array.ndim)
    target, y = out[part], estimate[part]
    smooth_planes(
        xp, target, y, range(y.shape[0]), weight=weight, slack=slack, epsilon=epsilon, wraps=inside is None, slab=slab
    )
    return out


def smooth_planes(
    xp: Any,
    target: Any,
    y: Any,
    planes: range,
    *,
    weight: float,
    slack: float,
    epsilon: float,
    wraps: bool,
    slab: int = SLAB,
) -> None:
    """Divide some planes of `target`, which are those of the step from `y`."""
    if not len(planes):
        return
    before = planes.start - 1 if planes.start else y.shape[0] - 1 if wraps else None
    below = None if before is None else _slopes(xp, y, before, before + 1, wraps, slack, epsilon)[0]
    together = max(1, slab // math.prod(y.shape[1:]))
    for start in range(planes.start, planes.stop, together):
        stop = min(start + together, planes.stop)
        slopes = _slopes(xp, y, start, stop, wraps, slack, epsilon)
        divergence = _divergence(slopes, below, wraps)
        below = slopes[0][(slice(-1, None), ...)]
        rows = (slice(start, stop), ...)
        target[rows] = target[rows] / (1.0 - weight * divergence)


def _slopes(xp: Any, y: Any, start: int, stop: int, wraps: bool, slack: float, epsilon: float) -> list[Any]:
    """Forward differences of some planes along each axis, divided by their common length."""
    rows = y[(slice(start, stop), ...)]
    slopes = []
    for axis in range(y.ndim):
        slope = xp.zeros_like(rows)
        if axis == 0:
            there = min(stop, y.shape[0] - 1) - start
            slope[(slice(0, there), ...)] = y[(slice(start + 1, start + 1 + there), ...)] - rows[(slice(0, there), ...)]
            if wraps and stop == y.shape[0]:
                slope[(slice(-1, None), ...)] = y[(slice(0, 1), ...)] - rows[(slice(-1, None), ...)]
        else:
            slope[_along(axis, 0, -1)] = rows[_along(axis, 1, None)] - rows[_along(axis, 0, -1)]
            if wraps:
                slope[_along(axis, -1, None)] = rows[_along(axis, 0, 1)] - rows[_along(axis, -1, None)]
        slopes.append(slope)
    length = slack * slack * rows * rows
    for slope in slopes:
        length += slope * slope
    length = xp.sqrt(length) + epsilon
    for slope in slopes:
        slope /= length
    return slopes


def _divergence(slopes: list[Any], below: Any, wraps: bool) -> Any:
    """Backward differences, summed; `below` is the first axis' slope in the plane before, if there is one."""
    divergence = slopes[0] + slopes[1]
    for slope in slopes[2:]:
        divergence += slope
    for axis, slope in enumerate(slopes):
        divergence[_along(axis, 1, None)] -= slope[_along(axis, 0, -1)]
        if axis and wraps:
            divergence[_along(axis, 0, 1)] -= slope[_along(axis, -1, None)]
    if below is not None:
        divergence[_along(0, 0, 1)] -= below
    return divergence


def _along(axis: int, start: int, stop: int | None) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, slice(start, stop), ...)


def batches(planes: int, most: int) -> Iterator[range]:
    """Planes in at most so many batches of nearly one size."""
    size = -(-planes // most)
    return (range(start, min(start + size, planes)) for start in range(0, planes, size))
