"""Drawing fibres, shells and spots into a volume, at positions finer than its voxels."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from rlcore.backend import Volume

STEP = 0.5
"""Voxels between the points of a fibre: close enough that no gaps show between them."""

Bend = Callable[[Volume, Volume], tuple[Volume, Volume]]
"""A function from positions and directions (count, axes) to those that obstacles allow."""


def directions(rng: np.random.Generator, count: int, ndim: int) -> Volume:
    """Random unit vectors (count, axes), in 3D closer to the y-x plane: z is the short axis of most specimens."""
    vectors = rng.normal(size=(count, ndim))
    if ndim == 3:
        vectors[:, 0] *= 0.35
    return _unit(vectors)


def wander(rng: np.random.Generator, starts: Volume, towards: Volume, steps: int, bend: Bend | None = None) -> Volume:
    """Smooth random paths, as positions (steps, count, axes). Their curvature drifts, so they bend and straighten."""
    position, heading = starts, _unit(towards)
    curvature = np.zeros_like(heading)
    track = np.empty((steps, *starts.shape))
    for point in track:
        point[...] = position
        # An autoregressive walk: curvature lasts for about 50 steps, with a standard deviation of 0.018 per voxel.
        curvature = 0.98 * curvature + 0.0035 * rng.normal(size=heading.shape)
        heading = _unit(heading + STEP * curvature)
        position = position + STEP * heading
        if bend is not None:
            position, heading = bend(position, heading)
    return track


def between(middle: Volume, inner: Volume, outer: Volume) -> Bend:
    """Make a `Bend` that keeps paths between the ellipsoids of radii `inner` and `outer`; they slide along walls."""

    def bend(position: Volume, heading: Volume) -> tuple[Volume, Volume]:
        for radii, outward in ((inner, 1.0), (outer, -1.0)):
            offset = (position - middle) / radii
            depth = np.linalg.norm(offset, axis=1, keepdims=True)
            normal = _unit(offset / radii)
            hit = outward * (depth - 1) < 0
            into = np.minimum(outward * np.sum(normal * heading, axis=1, keepdims=True), 0) * outward
            # Back to the wall, and on along it: the part of the heading that leads through the wall is taken away.
            position = np.where(hit, middle + (position - middle) / depth, position)
            heading = np.where(hit, heading - into * normal, heading)
        return position, _unit(heading)

    return bend


def fibres(points: Volume, track: Volume, brightness: Volume) -> None:
    """Add the paths of `wander` to `points`, which `soften` completes.

    They are then two voxels thick, and about `brightness` (per path, or per step and path) at their axis.
    """
    # There are 1 / STEP points a voxel along a fibre, and softening halves its peak along each axis across it.
    weights = np.broadcast_to(brightness, track.shape[:2]) * STEP * 2.0 ** (points.ndim - 1)
    _splat(points, track.reshape(-1, points.ndim), weights.ravel())


def spots(points: Volume, positions: Volume, brightness: Volume) -> None:
    """Add spots to `points`, which `soften` completes: they are then two voxels wide and about `brightness` high."""
    _splat(points, positions, brightness * 2.0**points.ndim)


def soften(points: Volume) -> Volume:
    """Smooth points by the weights 1, 2, 1 along every axis, so that the raster of voxels does not show."""
    for axis in range(points.ndim):
        line = np.moveaxis(np.pad(points, [(int(other == axis),) * 2 for other in range(points.ndim)]), axis, 0)
        points = np.moveaxis(line[:-2] + 2 * line[1:-1] + line[2:], 0, axis) / 4
    return points


def shell(canvas: Volume, centre: Volume, radii: Volume, brightness: float, thickness: float = 1.0) -> None:
    """Add the wall of an ellipsoid, about two voxels thick; the part outside the canvas is left out."""
    # Four voxels beyond the radii hold the wall's Gaussian, which at the default thickness is less than 1e-5 beyond.
    low = np.clip(np.floor(centre - radii - 4), 0, canvas.shape).astype(int)
    high = np.clip(np.ceil(centre + radii + 5), 0, canvas.shape).astype(int)
    grid = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij", sparse=True)
    offsets = [axis - middle for axis, middle in zip(grid, centre, strict=True)]
    rho = np.sqrt(sum((offset / radius) ** 2 for offset, radius in zip(offsets, radii, strict=True)))
    slope = np.sqrt(sum((offset / radius**2) ** 2 for offset, radius in zip(offsets, radii, strict=True)))
    distance = (rho - 1) * rho / np.maximum(slope, 1e-9)  # to first order, in voxels
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    wall = np.exp(-((distance / thickness) ** 2))
    canvas[box] += brightness * np.where(wall > 1e-5, wall, 0)


def _splat(points: Volume, positions: Volume, weights: Volume) -> None:
    """Add points, each distributed among the voxels about it by linear weights; voxels outside are left out."""
    base = np.floor(positions).astype(int)
    rest = positions - base
    for corner in itertools.product((0, 1), repeat=points.ndim):
        voxel = base + corner
        inside = np.all((voxel >= 0) & (voxel < points.shape), axis=1)
        share = weights * np.prod(np.where(corner, rest, 1 - rest), axis=1)
        # `add.at` rather than `+=`: several points may fall on the same voxel.
        np.add.at(points, tuple(voxel[inside].T), share[inside])


def _unit(vectors: Volume) -> Volume:
    unit: Volume = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
