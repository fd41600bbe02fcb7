"""Total variation: of estimates that fit alike, one whose neighbouring voxels differ less is preferred.

After Dey et al. 2006 (Microsc. Res. Tech. 69, 260), every step from a point y is divided by

    1 - weight * div( g / sqrt(|g|^2 + (slack y)^2) )         g = the forward differences of y

which is what w = 1 / (H^T 1 - weight * div(...)) comes to where all of a voxel's light reaches the image. Where less of
it does, the prior counts as much less as the data do, so that the divisor stays near 1; voxels that the data do not
reach at all follow their neighbours. No difference is taken across the edge of the estimate's domain. A step needs the
voxels next to it, diagonal ones included, and no others.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rlcore.backend import Backend, SupportsVariation, Volume
from rlcore.blocks import Box
from rlcore.errors import InputError

USUAL_WEIGHT = 0.002
MOST_WEIGHT = 0.1
"""With more the divisor may come near 0: the divergence lies between -4.8 and 4.8."""

SLACK = 12.0
"""The slack above, in weights: what is flatter than this share of a voxel is flattened in proportion to its slope. A
step there takes 12 weights over the slack, so all, of what makes a voxel differ from its six neighbours. More than
twice as much would overshoot for ever and amplify rounding without bounds; 4/3 times, where steps are accelerated."""

LEAST = 1e-6
"""Least divisor of slopes, as a share of the start, the mean of the image."""

REACH = 1
"""Voxels on each side that a step needs."""

SLAB = 1 << 15
"""Voxels worked on at a time on the host: few enough for a cache."""
SLAB_ON_DEVICE = 1 << 24
"""And elsewhere: enough to keep it busy."""

Smooth = Callable[..., Any]
"""As `SupportsVariation.smooth`."""


def check_weight(weight: float) -> float:
    """The weight, if it is one that steps are stable with."""
    given: object = weight
    if not (isinstance(given, numbers.Real) and 0 < float(given) <= MOST_WEIGHT):
        raise InputError(f"tv_weight {weight!r} is not a number above 0 and up to {MOST_WEIGHT}; try {USUAL_WEIGHT}")
    return float(weight)


def smoothing_of(backend: Backend[Any]) -> Smooth:
    """The backend's own smoothing; or, for one that has none, by NumPy on the host."""
    return backend.smooth if isinstance(backend, SupportsVariation) else _on_host(backend)


def smooth(
    xp: Any,
    array: Any,
    estimate: Any,
    *,
    share: float,
    slack: float,
    least: float,
    inside: Box | None,
    out: Any = None,
    slab: int = SLAB,
) -> Any:
    """As `SupportsVariation.smooth`, of arrays of an array-API library; some planes at a time."""
    if out is None:
        out = xp.asarray(array, copy=True)
    elif out is not array:
        out[...] = array
    part = (...,) if inside is None else inside.slices((0,) * array.ndim)
    target, y = out[part], estimate[part]
    smooth_planes(
        xp, target, y, range(y.shape[0]), share=share, slack=slack, least=least, wraps=inside is None, slab=slab
    )
    return out


def smooth_planes(
    xp: Any,
    target: Any,
    y: Any,
    planes: range,
    *,
    share: float,
    slack: float,
    least: float,
    wraps: bool,
    slab: int = SLAB,
) -> None:
    """Divide some planes of `target`, which are those of the step from `y`."""
    if not len(planes):
        return
    before = planes.start - 1 if planes.start else y.shape[0] - 1 if wraps else None
    below = None if before is None else _slopes(xp, y, before, before + 1, wraps, slack, least)[0]
    together = max(1, slab // math.prod(y.shape[1:]))
    for start in range(planes.start, planes.stop, together):
        stop = min(start + together, planes.stop)
        slopes = _slopes(xp, y, start, stop, wraps, slack, least)
        divergence = _divergence(slopes, below, wraps)
        below = slopes[0][(slice(-1, None), ...)]
        rows = (slice(start, stop), ...)
        target[rows] = target[rows] / (1.0 - share * divergence)


def _slopes(xp: Any, y: Any, start: int, stop: int, wraps: bool, slack: float, least: float) -> list[Any]:
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
    length = xp.sqrt(length) + least
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


def _on_host(backend: Backend[Any]) -> Smooth:
    """The same for a backend that cannot do it: its arrays are brought to the host and back."""

    def smoothed(
        array: Any, estimate: Any, *, share: float, slack: float, least: float, inside: Box | None, out: Any = None
    ) -> Any:
        host: list[Volume] = [backend.download(one) for one in (array, estimate)]
        done = backend.upload(smooth(np, *host, share=share, slack=slack, least=least, inside=inside, out=host[0]))
        return done if out is None else backend.clamp(done, 0.0, out=out)

    return smoothed


def batches(planes: int, most: int) -> Iterator[range]:
    """Planes in at most so many batches of nearly one size."""
    size = -(-planes // most)
    return (range(start, min(start + size, planes)) for start in range(0, planes, size))
