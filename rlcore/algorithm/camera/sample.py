"""A sample of an image: pairs of adjacent planes, or bands of rows of them, evenly spaced.

Pairs, since a difference between adjacent planes removes most of the object, and all that is fixed to the camera's
pixels, and leaves the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from rlcore.algorithm.sampled_planes import SAMPLED_VOXELS
from rlcore.backend import Volume

ToHost: TypeAlias = Callable[[Any], Volume]
"""Brings a slice of the image to the host."""

_PLACES = 4
"""Places along z that are looked at, at least, if there are as many planes."""

_BAND = 16
"""Rows that are looked at together where whole planes would be too many voxels."""


def take_sample(image: Any, to_host: ToHost) -> Volume:
    """Bands of pairs of planes: float32 of shape (bands, 2, rows, columns), or (bands, 1, ...) of a single plane.

    They hold about `SAMPLED_VOXELS` voxels, or one band of each of a few pairs if that is more.
    """
    shape = tuple(map(int, image.shape))
    rows, columns = shape[-2:]
    if len(shape) == 2:
        return np.stack([np.asarray(to_host(image[band]), np.float32)[None] for band in _bands(rows, columns)])
    depth = min(2, shape[0])
    most = shape[0] // depth
    places = min(most, max(_PLACES, SAMPLED_VOXELS // (depth * rows * columns)))
    bands = _bands(rows, depth * places * columns)
    found = np.empty((places, len(bands), depth, bands[0].stop - bands[0].start, columns), np.float32)
    for place, plane in enumerate(_spread(shape[0], depth, places)):
        for d in range(depth):
            values = to_host(image[plane + d : plane + d + 1])[0]
            for number, band in enumerate(bands):
                found[place, number, d] = values[band]
    return found.reshape(-1, *found.shape[2:])


def _bands(rows: int, row: int) -> list[slice]:
    """Rows that are looked at, where a row of all planes has `row` voxels; a single slice if that is all of them."""
    bands = max(1, SAMPLED_VOXELS // (_BAND * row))
    if bands * _BAND >= rows:
        return [slice(0, rows)]
    return [slice(at, at + _BAND) for at in _spread(rows, _BAND, bands)]


def _spread(length: int, size: int, number: int) -> list[int]:
    """Starts of pieces of a size, evenly spaced over a length, none of which overlap."""
    return [k * length // number + (length // number - size) // 2 for k in range(number)]
