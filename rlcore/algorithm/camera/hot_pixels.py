"""Hot and dead pixels of a camera: columns of an image that stand out of their neighbours in nearly every plane."""

from __future__ import annotations

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
"""How many times the step from a pixel to its neighbours exceeds that from them to theirs: more than light can."""

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
            plane = np.asarray(to_host(image[at : at + 1])[0], np.float32)
            middle = _median(plane)
            excess = (plane - middle) / _noise(middle, plane - middle, camera)
            above += excess > _EXCESS
            below += excess < -_EXCESS
            mean += plane / count
        step, slope = _steps(mean)
        hot = (above >= _SHARE * count) & (step > _SHARPNESS * slope)
        dead = (below >= _SHARE * count) & (-step > -_SHARPNESS * slope)
    return hot | dead


def _alone(plane: Volume, camera: Camera) -> Mask:
    """Hot pixels of a single plane: those that stand far out of all neighbours, more sharply than light can."""
    if min(plane.shape) < _FEWEST:
        return np.zeros(plane.shape, bool)
    with np.errstate(invalid="ignore"):
        ring = np.stack([part for k, part in enumerate(_around(plane)) if k != 4])
        middle, (step, slope) = _median(plane), _steps(plane)
        limit = _EXCESS_ALONE * _noise(middle, plane - middle, camera)
        hot = (plane - ring.max(axis=0) > limit) & (step > _SHARPNESS * slope)
        dead = (ring.min(axis=0) - plane > limit) & (-step > -_SHARPNESS * slope)
    return hot | dead


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


def _steps(plane: Volume) -> tuple[Volume, Volume]:
    """How far the light falls from every pixel to its four neighbours, and from its eight to the sixteen around."""
    wide = np.pad(plane, 2, mode="reflect")
    rows, columns = plane.shape

    def total(reach: int) -> Volume:
        lines = sum(wide[2 + k : 2 + k + rows] for k in range(-reach, reach + 1))
        whole: Volume = sum(lines[:, 2 + k : 2 + k + columns] for k in range(-reach, reach + 1))  # type: ignore[index]
        return whole

    three, cross = total(1), _around(plane)
    nearest = (cross[1] + cross[3] + cross[5] + cross[7]) / 4
    return plane - nearest, (three - plane) / 8 - (total(2) - three) / 16
