"""Volumes between their voxels: shifted, and read at other places, by band-limited interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlcore.backend import Volume

_LOBES = 6
"""Of the windowed sinc on each side."""


def shift(volume: Volume, by: Sequence[float]) -> Volume:
    """The volume moved by a fraction of a voxel, or more, on each axis; what leaves on one side is lost."""
    for axis, (size, distance) in enumerate(zip(volume.shape, by, strict=True)):
        volume = read_axis(volume, axis, np.arange(size) - distance)
    return volume


def read_axis(volume: Volume, axis: int, places: Volume) -> Volume:
    """Values at places along one axis, counted in voxels; darkness lies outside.

    Lanczos's windowed sinc, whose weights are made to sum 1 so that a constant stays one.
    """
    distance = places[:, None] - np.arange(volume.shape[axis])
    weights = np.sinc(distance) * np.sinc(distance / _LOBES) * (np.abs(distance) < _LOBES)
    everywhere = places[:, None] - (np.floor(places)[:, None] + np.arange(-_LOBES + 1, _LOBES + 1))
    whole = (np.sinc(everywhere) * np.sinc(everywhere / _LOBES)).sum(axis=1, keepdims=True)
    return np.moveaxis(np.tensordot(weights / whole, volume, axes=(1, axis)), 0, axis)


def smooth(volume: Volume, times: int = 1) -> Volume:
    """By 1, 2, 1 along every axis that has an inside, so many times; edges are repeated outwards."""
    for _ in range(times):
        for axis in (axis for axis, size in enumerate(volume.shape) if size > 2):
            line = np.moveaxis(volume, axis, 0)
            before, after = np.concatenate([line[:1], line[:-1]]), np.concatenate([line[1:], line[-1:]])
            volume = np.moveaxis((before + 2 * line + after) / 4, 0, axis)
    return volume


def shell(volume: Volume) -> Volume:
    """The outermost voxels on every axis that has an inside, as one line; empty where no axis has."""
    outermost = np.zeros(volume.shape, dtype=bool)
    for axis in (axis for axis, size in enumerate(volume.shape) if size > 2):
        np.moveaxis(outermost, axis, 0)[[0, -1]] = True
    return volume[outermost]


def peak(volume: Volume) -> tuple[float, ...]:
    """Where it is brightest, to a fraction of a voxel: the top of a parabola through the smoothed peak."""
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
    level = np.flatnonzero(line >= line[at] * (1 - 1e-9))
    if len(level) > 1 and level[-1] - level[0] == len(level) - 1:
        return float(level.mean()) - at
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(line[at + step]) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend else 0.0
