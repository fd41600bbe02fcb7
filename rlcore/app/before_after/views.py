"""Views of a volume for a report: two planes, a line, contrast and power spectrum, without loading the volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Volume

BRIGHT = 99.9
"""Percentile of a volume shown as its brightest; the few brighter voxels would darken everything else."""

_SAMPLES = 4_000_000
_PLANES = 24
"""Maximum number of voxels that the percentile is computed from, and of planes searched for the line."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Planes, line and spectrum of one volume."""

    xy: Volume
    xz: Volume | None
    """Vertical plane; None for an image of one plane."""
    top: float
    """Value that few voxels exceed."""
    line: Volume
    spectrum: Volume
    """Mean power of the xy plane by spatial frequency, divided by the square of its total light."""


def liveliest_line(volume: Any) -> tuple[int, int]:
    """Returns the plane and row, in the middle third, along which a volume varies most; plane 0 of a single plane."""
    planes = volume.shape[0] if volume.ndim == 3 else 1
    rows = _middle(volume.shape[-2])
    best, at = -1.0, (0, 0)
    middle = _middle(planes)
    for z in middle[:: -(-len(middle) // _PLANES)]:
        plane = _read(volume, (z,) if volume.ndim == 3 else ())[rows.start : rows.stop]
        changes = np.abs(np.diff(plane, axis=1)).sum(axis=1)
        row = int(changes.argmax())
        if changes[row] > best:
            best, at = float(changes[row]), (z, rows.start + row)
    return at


def view(volume: Any, at: tuple[int, int], *, background: float = 0.0, step: float = 1.0) -> View:
    """Reads the views of a volume.

    Parameters
    ----------
    volume : array_like
        Volume of 2 or 3 axes, read by slices.
    at : tuple of int
        Plane and row to show.
    background : float
        Subtracted from all values.
    step : float
        Factor from stored values to the image's units.
    """
    z, y = at
    deep = volume.ndim == 3
    xy = _read(volume, (z,) if deep else ()) * step - background
    xz = _read(volume, (slice(None), y)) * step - background if deep else None
    # a strided sample gives the percentile of a volume of any size in bounded memory
    stride = max(1, math.ceil((math.prod(volume.shape) / _SAMPLES) ** (1 / volume.ndim)))
    sample = _read(volume, (slice(None, None, stride),) * volume.ndim)
    top = float(np.percentile(sample, BRIGHT)) * step - background
    return View(xy, xz, top if top > 0 else float(xy.max()), xy[y], _spectrum(xy))


def frequencies(shape: tuple[int, ...]) -> Volume:
    """Returns the centres of the bins of a spectrum, in cycles per voxel."""
    count = _bins(shape)
    return (np.arange(1, count) + 0.5) / count / 2


def _read(volume: Any, index: tuple[Any, ...]) -> Volume:
    """Reads part of a volume that takes only slices; axes indexed by a number are dropped."""
    whole = (*index, *(slice(None),) * (volume.ndim - len(index)))
    slices = tuple(slice(i, i + 1) if isinstance(i, int) else i for i in whole)
    gone = tuple(axis for axis, i in enumerate(whole) if isinstance(i, int))
    return np.asarray(volume[slices], dtype=np.float64).squeeze(gone)


def _middle(size: int) -> range:
    third = size // 3
    return range(third, size - third)


def _spectrum(plane: Volume) -> Volume:
    """Returns mean power over rings of equal frequency, up to half a cycle per voxel."""
    # the window hides the jump from one edge of the plane to the other, whose power would cover that of the object
    window = np.hanning(plane.shape[0] + 2)[1:-1, None] * np.hanning(plane.shape[1] + 2)[1:-1]
    light = float((plane * window).sum())
    mean = light / float(window.sum())
    power = np.abs(np.fft.fft2((plane - mean) * window)) ** 2 / (light**2 or 1.0)
    radius = np.hypot(np.fft.fftfreq(plane.shape[0])[:, None], np.fft.fftfreq(plane.shape[1]))
    count = _bins(plane.shape)
    ring = np.floor(radius * 2 * count).astype(int).ravel()
    inside = ring < count
    total = np.bincount(ring[inside], power.ravel()[inside], count)[1:]  # the first holds the mean, which is taken off
    return total / np.maximum(np.bincount(ring[inside], minlength=count)[1:], 1)


def _bins(shape: tuple[int, ...]) -> int:
    return max(3, min(min(shape[-2:]) // 2, 200))
