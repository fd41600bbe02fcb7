"""Hot and dead pixels of a camera: columns of an image that stand out of their neighbours in nearly every plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.algorithm.camera.estimate import estimate_camera
from rlcore.algorithm.camera.model import Camera
from rlcore.algorithm.camera.sample import ToHost
from rlcore.backend import Volume

_PLANES = 16
"""Planes that are looked at, evenly spaced."""

_FEWEST = 5
"""Planes that it takes to tell a hot pixel from the brightest voxel of an object."""

_SHARE = 0.8
"""Share of the planes in which a hot pixel stands out."""

_EXCESS = 1.5
"""Standard deviations of the noise by which it does."""

_EXCESS_ALONE = 8.0
"""Standard deviations by which it stands out of its brightest neighbour where there is a single plane."""

_SHARPNESS = 3.0
"""How many times the step from a pixel to its neighbours exceeds those around: more than light can."""

_REACH = 3
"""Pixels that the test for sharpness looks away from each."""

_AT_ONCE = 1 << 17
"""Pixels that are filtered at a time."""

_CENTRE = 4
"""Number of the middle one of 3 x 3."""

Mask = npt.NDArray[np.bool_]


def find_hot_pixels(image: Any, to_host: ToHost, camera: Camera | None = None) -> Mask:
    """Find the hot and dead pixels of the camera that an image was recorded with.

    Parameters
    ----------
    image : array_like
        Image on 2 or 3 axes, given by slicing along the first one.
    to_host : callable
        Brings a slice of the image to the host.
    camera : Camera, optional
        What is known of the camera, for the noise that is to be expected; estimated from the image if None.

    Returns
    -------
    ndarray of bool
        True at hot and dead pixels; of shape (y, x). None are found in fewer than five planes, except that in an image
        of two axes a single voxel that stands far out of all its neighbours is.

    Notes
    -----
    A pixel counts as hot if its excess over the median of 3 x 3 is more than 1.5 standard deviations of the noise in
    eight tenths of at most 16 planes, and if their mean falls from it to its neighbours three times as far as from them
    to theirs, which light does not.
    """
    shape = tuple(map(int, image.shape))
    if len(shape) == 2:
        return _alone(np.asarray(to_host(image[:]), np.float32), camera or estimate_camera(image, to_host))
    if shape[0] < _FEWEST or min(shape[1:]) < _FEWEST:
        return np.zeros(shape[1:], bool)
    camera = camera or estimate_camera(image, to_host)
    count = min(_PLANES, shape[0])
    above, below = np.zeros(shape[1:], np.uint8), np.zeros(shape[1:], np.uint8)
    mean = np.zeros(shape[1:], np.float32)
    with np.errstate(invalid="ignore"):
        for k in range(count):
            at = (2 * k + 1) * shape[0] // (2 * count)
            plane = to_host(image[at : at + 1])[0]
            for band, rows, inside in _bands(shape[1:], 1):
                values = np.asarray(plane[rows], np.float32)
                middle = _median(values)
                excess = ((values - middle) / _noise(middle, values - middle, camera))[inside]
                above[band] += excess > _EXCESS
                below[band] += excess < -_EXCESS
                mean[band] += values[inside] / count
        found = np.zeros(shape[1:], bool)
        for band, rows, inside in _bands(shape[1:], _REACH):
            hot, dead = _sharp(mean[rows])
            often = above[band] >= _SHARE * count, below[band] >= _SHARE * count
            found[band] = (hot[inside] & often[0]) | (dead[inside] & often[1])
    return found


def _alone(plane: Volume, camera: Camera) -> Mask:
    """Hot pixels of a single plane: those that stand far out of all neighbours, more sharply than light can."""
    found = np.zeros(plane.shape, bool)
    if min(plane.shape) < _FEWEST:
        return found
    with np.errstate(invalid="ignore"):
        for band, rows, inside in _bands(plane.shape, _REACH):
            values = plane[rows]
            ring = [part for k, part in enumerate(_around(values)) if k != _CENTRE]
            middle, (hot, dead) = _median(values), _sharp(values)
            limit = _EXCESS_ALONE * _noise(middle, values - middle, camera)
            hot &= values - np.max(ring, axis=0) > limit
            dead &= np.min(ring, axis=0) - values > limit
            found[band] = (hot | dead)[inside]
    return found


def _bands(shape: tuple[int, ...], reach: int) -> Iterator[tuple[slice, slice, slice]]:
    """Bands of rows, the rows to read for each, with those that a filter reaches, and where the band is in these."""
    height = max(reach + 1, _AT_ONCE // shape[1])
    for at in range(0, shape[0], height):
        stop = min(at + height, shape[0])
        start, end = max(0, min(at, shape[0] - reach - 1) - reach), min(shape[0], stop + reach)
        yield slice(at, stop), slice(start, end), slice(at - start, stop - start)


def _noise(brightness: Volume, residual: Volume, camera: Camera) -> Volume:
    """Standard deviation of a voxel of this brightness."""
    if camera.gain is not None and camera.kind == "counts":
        least = camera.background + camera.pedestal or camera.gain
        variance: Volume = camera.gain * np.maximum(brightness - camera.zero, least)
        return np.sqrt(variance)
    return np.full_like(brightness, 1.4826 * float(np.nanmedian(np.abs(residual))) or np.inf)


def _around(plane: Volume) -> list[Volume]:
    """The 3 x 3 neighbours of every pixel, row by row; beyond the border those on this side of it are repeated."""
    wide = np.pad(plane, 1, mode="reflect")
    rows, columns = plane.shape
    return [wide[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]


def _median(plane: Volume) -> Volume:
    """The median of 3 x 3: that of the largest of the rows' least, the median of their middles, the least of their
    largest."""
    a = _around(plane)
    triples = [_sorted(a[k], a[k + 1], a[k + 2]) for k in (0, 3, 6)]
    least, middle, most = zip(*triples, strict=True)
    parts = (
        np.maximum(np.maximum(*least[:2]), least[2]),
        _sorted(*middle)[1],
        np.minimum(np.minimum(*most[:2]), most[2]),
    )
    return _sorted(*parts)[1]


def _sorted(a: Volume, b: Volume, c: Volume) -> tuple[Volume, Volume, Volume]:
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.minimum(low, c), np.maximum(low, np.minimum(high, c)), np.maximum(high, c)


def _sharp(mean: Volume) -> tuple[Mask, Mask]:
    """Pixels from which light falls, and rises, to their neighbours far more steeply than it does around them.

    Around them is from their eight neighbours to the sixteen around those, and between the sixteen and theirs.
    """
    three, cross = _total(mean, 1), _around(mean)
    step = mean - (cross[1] + cross[3] + cross[5] + cross[7]) / 4
    slope = (three - mean) / 8 - (_total(mean, 2) - three) / 16
    rough = (_total(np.abs(step), 2) - _total(np.abs(step), 1)) / 16
    return step > _SHARPNESS * np.maximum(slope, rough), -step > _SHARPNESS * np.maximum(-slope, rough)


def _total(plane: Volume, reach: int) -> Volume:
    """Sums over squares of 3 x 3 or 5 x 5 pixels; the plane is reflected at its border."""
    wide = np.pad(plane, reach, mode="reflect")
    rows, columns = plane.shape
    lines = wide[:rows].copy()
    for k in range(1, 2 * reach + 1):
        lines += wide[k : k + rows]
    whole: Volume = sum((lines[:, k : k + columns] for k in range(1, 2 * reach + 1)), lines[:, :columns])
    return whole
