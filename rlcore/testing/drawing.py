"""Drawing fibres, shells and spots into a volume, finer than its voxels."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from rlcore.backend import Volume

STEP = 0.5
"""Voxels between the points of a fibre."""

Bend = Callable[[Volume, Volume], tuple[Volume, Volume]]
"""Positions and directions (count, axes) in, those that obstacles leave of them out."""


def directions(rng: np.random.Generator, count: int, ndim: int) -> Volume:
    """Unit vectors (count, axes), flatter than a sphere's in 3D: z is the short axis of most specimens."""
    vectors = rng.normal(size=(count, ndim))
    if ndim == 3:
        vectors[:, 0] *= 0.35
    return _unit(vectors)


def wander(rng: np.random.Generator, starts: Volume, towards: Volume, steps: int, bend: Bend | None = None) -> Volume:
    """Smooth random paths: positions (steps, count, axes). The curvature drifts, so they bend and straighten."""
    position, heading = starts, _unit(towards)
    curvature = np.zeros_like(heading)
    track = np.empty((steps, *starts.shape))
    for point in track:
        point[...] = position
        curvature = 0.98 * curvature + 0.0035 * rng.normal(size=heading.shape)
        heading = _unit(heading + STEP * curvature)
        position = position + STEP * heading
        if bend is not None:
            position, heading = bend(position, heading)
    return track


def between(middle: Volume, inner: Volume, outer: Volume) -> Bend:
    """Keeps paths outside the ellipsoid of radii `inner` and inside that of `outer`: they slide along either wall."""

    def bend(position: Volume, heading: Volume) -> tuple[Volume, Volume]:
        for radii, outward in ((inner, 1.0), (outer, -1.0)):
            offset = (position - middle) / radii
            depth = np.linalg.norm(offset, axis=1, keepdims=True)
            normal = _unit(offset / radii)
            hit = outward * (depth - 1) < 0
            into = np.minimum(outward * np.sum(normal * heading, axis=1, keepdims=True), 0) * outward
            position = np.where(hit, middle + (position - middle) / depth, position)
            heading = np.where(hit, heading - into * normal, heading)
        return position, _unit(heading)

    return bend


def fibres(points: Volume, track: Volume, brightness: Volume) -> None:
    """Add the paths of `wander`: once softened, two voxels thick and about `brightness` (per path, or per step and
    path) at their axis."""
    weights = np.broadcast_to(brightness, track.shape[:2]) * STEP * 2.0 ** (points.ndim - 1)
    _splat(points, track.reshape(-1, points.ndim), weights.ravel())


def spots(points: Volume, positions: Volume, brightness: Volume) -> None:
    """Add spots: once softened, two voxels wide and about `brightness` high."""
    _splat(points, positions, brightness * 2.0**points.ndim)


def soften(points: Volume) -> Volume:
    """What `fibres` and `spots` drew, smoothed by 1, 2, 1 along every axis, so that no voxel raster shows."""
    for axis in range(points.ndim):
        line = np.moveaxis(np.pad(points, [(int(other == axis),) * 2 for other in range(points.ndim)]), axis, 0)
        points = np.moveaxis(line[:-2] + 2 * line[1:-1] + line[2:], 0, axis) / 4
    return points


def shell(canvas: Volume, centre: Volume, radii: Volume, brightness: float, thickness: float = 1.0) -> None:
    """Add the wall of an ellipsoid, about two voxels thick; what lies outside the canvas is left out."""
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
    """Add points, each shared out among the voxels about it by linear weights; those outside are left out."""
    base = np.floor(positions).astype(int)
    rest = positions - base
    for corner in itertools.product((0, 1), repeat=points.ndim):
        voxel = base + corner
        inside = np.all((voxel >= 0) & (voxel < points.shape), axis=1)
        share = weights * np.prod(np.where(corner, rest, 1 - rest), axis=1)
        np.add.at(points, tuple(voxel[inside].T), share[inside])


def _unit(vectors: Volume) -> Volume:
    unit: Volume = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
