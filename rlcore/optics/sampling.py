"""Sampling volumes between their voxels by band-limited interpolation; smoothing them, and finding their peak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlcore.backend import Volume

_LOBES = 6
"""Lobes of the windowed sinc on each side of its middle."""


def shift(volume: Volume, by: Sequence[float]) -> Volume:
    """Shift a volume by a fraction of a voxel, or more, on each axis; voxels that leave on one side are lost."""
    for axis, (size, distance) in enumerate(zip(volume.shape, by, strict=True)):
        volume = read_axis(volume, axis, np.arange(size) - distance)
    return volume


def read_axis(volume: Volume, axis: int, places: Volume) -> Volume:
    """Interpolate at places along one axis, counted in voxels; the volume is dark outside.

    Weights are Lanczos's windowed sinc (Duchon, J. Appl. Meteorol. 18, 1016 (1979)), scaled to the sum 1 so that a
    constant stays one.
    """
    distance = places[:, None] - np.arange(volume.shape[axis])
    weights = np.sinc(distance) * np.sinc(distance / _LOBES) * (np.abs(distance) < _LOBES)
    # The sum is taken over the whole window, outside the volume too, so that values fade to the dark beyond its edge.
    everywhere = places[:, None] - (np.floor(places)[:, None] + np.arange(-_LOBES + 1, _LOBES + 1))
    whole = (np.sinc(everywhere) * np.sinc(everywhere / _LOBES)).sum(axis=1, keepdims=True)
    return np.moveaxis(np.tensordot(weights / whole, volume, axes=(1, axis)), 0, axis)


def smooth(volume: Volume, times: int = 1) -> Volume:
    """Smooth by the weights 1, 2, 1 along every axis that has an inside, `times` times; edges are repeated outwards."""
    for _ in range(times):
        for axis in (axis for axis, size in enumerate(volume.shape) if size > 2):
            line = np.moveaxis(volume, axis, 0)
            before, after = np.concatenate([line[:1], line[:-1]]), np.concatenate([line[1:], line[-1:]])
            volume = np.moveaxis((before + 2 * line + after) / 4, 0, axis)
    return volume


def shell(volume: Volume) -> Volume:
    """Outermost voxels on every axis that has an inside, as one line; empty where no axis has."""
    outermost = np.zeros(volume.shape, dtype=bool)
    for axis in (axis for axis, size in enumerate(volume.shape) if size > 2):
        np.moveaxis(outermost, axis, 0)[[0, -1]] = True
    return volume[outermost]


def peak(volume: Volume) -> tuple[float, ...]:
    """Position of the peak to a fraction of a voxel: the top of a parabola through the smoothed maximum."""
    soft = smooth(volume)
    at = [int(place) for place in np.unravel_index(int(soft.argmax()), soft.shape)]
    place = []
    for axis, middle in enumerate(at):
        box: tuple[Any, ...] = (*at[:axis], slice(None), *at[axis + 1 :])
        line = soft[box]
        place.append(middle + _top(line, middle))
    return tuple(place)


def _top(line: Volume, at: int) -> float:
    """The offset of a parabola's top from its highest sample; the middle of a plateau."""
    # Saturation and symmetry about a face between voxels make plateaus, level but for the rounding of smoothing.
    level = np.flatnonzero(line >= line[at] * (1 - 1e-9))
    if len(level) > 1 and level[-1] - level[0] == len(level) - 1:
        return float(level.mean()) - at
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(line[at + step]) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend else 0.0
