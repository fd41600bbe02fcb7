"""The PSF on a periodic grid with its centre at voxel 0, from which the OTF is made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Shape, Volume, overrides
from rlcore.optics.psf import PSF


def on_grid(psf: PSF, shape: Shape, dtype: npt.DTypeLike = np.float64) -> Volume:
    """The PSF on a periodic grid in host memory: offset d from the centre goes to index d mod `shape`.

    Values that fall on the same voxel are summed, so a PSF larger than the grid acts as it does on an image that
    repeats. The sum stays 1.
    """
    folded = _fold(psf.values, shape)
    grid = np.zeros(shape, dtype)
    for source, target in _octants(folded.shape, psf.centre, shape):
        grid[target] = folded[source]
    return grid


def on_device(backend: Backend[Any], psf: PSF, shape: Shape) -> Any:
    """The PSF on a periodic grid as a real array on the device; only the PSF itself is uploaded if possible."""
    if not overrides(backend, "full", "paste"):
        return backend.upload(on_grid(psf, shape, backend.facts.dtype))
    values = _fold(psf.values, shape)
    folded, grid = backend.upload(values), backend.full(shape, 0.0)
    for source, target in _octants(values.shape, psf.centre, shape):
        extent = tuple(part.stop - part.start for part in source)
        backend.paste(folded, _starts(source), grid, _starts(target), extent)
    return grid


def _fold(values: Volume, shape: Shape) -> Volume:
    """The values, those that are `shape` apart summed, so that no axis is longer than the grid's."""
    for axis, size in enumerate(shape):
        if values.shape[axis] > size:
            starts = np.arange(0, values.shape[axis], size)
            tail = [(0, 0)] * values.ndim
            tail[axis] = (0, -values.shape[axis] % size)
            split = (*values.shape[:axis], len(starts), size, *values.shape[axis + 1 :])
            values = np.pad(values, tail).reshape(split).sum(axis=axis)
    return values


def _octants(lengths: Shape, centre: Shape, shape: Shape) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Boxes of the PSF, and their boxes on the grid: up to two per axis, since voxels before the centre wrap around."""
    axes = []
    for length, at, size in zip(lengths, centre, shape, strict=True):
        shift = -at % size
        fold = min(size - shift, length)
        stretches = [(slice(0, fold), slice(shift, shift + fold))]
        if fold < length:
            stretches.append((slice(fold, length), slice(0, length - fold)))
        axes.append(stretches)
    for choice in itertools.product(*axes):
        yield tuple(part[0] for part in choice), tuple(part[1] for part in choice)


def _starts(box: tuple[slice, ...]) -> Shape:
    return tuple(int(part.start) for part in box)
