"""Pyramid of a volume: coarser levels, each made of means of neighbouring voxels of the level before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlcore.backend.boxes import Shape, pieces
from rlcore.execution.volumes.mapped import release
from rlcore.execution.volumes.statistics import chunks_of

_SMALLEST = 256
"""Longest side of a plane, in voxels, at which no coarser level is made."""

_PIECE = 1 << 16
"""Number of voxels of a coarser level that are made at a time; more if a single chunk is larger."""

Factors = tuple[int, ...]


def level_factors(shape: Shape, lengths: Sequence[float | None]) -> list[Factors]:
    """Returns the downsampling factors of each level along each axis, beginning with the volume itself.

    Planes are halved until they are small. Depth is halved where its voxels are no longer than those of the plane, so
    that voxels approach cubes; if a length is unknown, depth is not downsampled.

    Parameters
    ----------
    shape : tuple of int
        Shape of the volume, (z, y, x) or (y, x).
    lengths : sequence of float or None
        Size of a voxel along each axis, in one unit; None if unknown.
    """
    factors = (1,) * len(shape)
    levels = [factors]
    while max(level_shape(shape, factors)[-2:]) > _SMALLEST:
        factors = tuple(f * step for f, step in zip(factors, _steps(shape, factors, lengths), strict=True))
        levels.append(factors)
    return levels


def _steps(shape: Shape, factors: Factors, lengths: Sequence[float | None]) -> Factors:
    steps = [2 if n > 1 else 1 for n in level_shape(shape, factors)[-2:]]
    if len(shape) == 2:
        return tuple(steps)
    depth, across = lengths[0], lengths[-1]
    deep = depth and across and depth * factors[0] <= across * factors[-1] * 2 and level_shape(shape, factors)[0] > 1
    return (2 if deep else 1, *steps)


def level_shape(shape: Shape, factors: Factors) -> Shape:
    """Returns the shape of a level; a remainder along an axis makes one more voxel."""
    return tuple(-(-n // f) for n, f in zip(shape, factors, strict=True))


def coarsen(fine: Any, coarse: Any, steps: Factors) -> None:
    """Fills a level from the level before, piece by piece, so that memory stays small."""
    for box in pieces(tuple(coarse.shape), chunks_of(coarse), _PIECE):
        source = tuple(
            slice(a * s, min(b * s, n)) for a, b, s, n in zip(box.start, box.stop, steps, fine.shape, strict=True)
        )
        means = mean_of(np.asarray(fine[source], np.float32), steps)
        coarse[box.slices((0,) * len(steps))] = np.rint(means) if coarse.dtype.kind == "u" else means
        # else pages of the whole volume would count as memory of the process
        release(fine)
        release(coarse)


def mean_of(values: np.ndarray[Any, Any], steps: Factors) -> np.ndarray[Any, Any]:
    """Returns means of neighbouring voxels; an odd last voxel is its own mean."""
    for axis, step in enumerate(steps):
        if step == 2:
            even = np.take(values, range(0, values.shape[axis], 2), axis)
            odd = np.take(values, range(1, values.shape[axis], 2), axis)
            if odd.shape[axis] < even.shape[axis]:
                odd = np.concatenate([odd, np.take(even, [-1], axis)], axis)
            values = (even + odd) / 2
    return values
