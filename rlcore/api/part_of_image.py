"""A part of an image, chosen by its light, and read from where the image lies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from rlcore.algorithm.sampled_planes import SampledPlanes
from rlcore.backend import Box, Shape
from rlcore.execution.run import Problem
from rlcore.execution.volumes.initial_estimate import to_host
from rlcore.execution.volumes.mapped import release
from rlcore.execution.volumes.slicing import box_of

_TO_THE_SIDE = 4
"""Positions of a part that are compared, along an axis."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A box of anything that can be sliced, as an array of its own."""

    array: Any
    box: Box

    @property
    def shape(self) -> Shape:
        return self.box.shape

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    def __getitem__(self, index: Any) -> Any:
        within = zip(box_of(index, self.shape), self.box.start, strict=True)
        return self.array[tuple(slice(first + part.start, first + part.stop) for part, first in within)]


def part_of(array: Any, box: Box) -> Any:
    """The box of an array; a view of one in memory, or of one that is on a device."""
    if isinstance(array, np.ndarray):
        return array[box.slices((0,) * len(box.start))]
    return _Part(array, box)


def brightest_part(problem: Problem, voxels: int) -> Box:
    """The part of the image with the most light of those of about so many voxels.

    The first axis of a stack is left whole as long as the others can be cut, since that is the axis along which most
    light is out of place.
    """
    whole = problem.geometry.image
    shape = _shape_of_part(whole.shape, problem.geometry.psf_shape, voxels)
    if shape == whole.shape:
        return whole
    planes = SampledPlanes.over(whole.shape).planes
    starts = [_starts(n, m) for n, m in zip(whole.shape, shape, strict=True)]
    light = dict.fromkeys(product(*starts[1:]), 0.0)
    by_plane: dict[int, dict[tuple[int, ...], float]] = {}
    for plane in planes:
        values = to_host(problem.backend, problem.image[plane : plane + 1])[0]
        by_plane[plane] = {at: _light(values, at, shape[1:], problem) for at in light}
        release(problem.image)

    def of(start: Shape) -> float:
        return sum(found[start[1:]] for plane, found in by_plane.items() if start[0] <= plane < start[0] + shape[0])

    best = max(product(*starts), key=of)
    return Box(best, tuple(a + n for a, n in zip(best, shape, strict=True)))


def _light(values: Any, at: Shape, shape: Shape, problem: Problem) -> float:
    part = values[tuple(slice(a, a + n) for a, n in zip(at, shape, strict=True))]
    return float(np.maximum(part - (problem.offset + problem.background), 0).sum(dtype=np.float64))


def _starts(length: int, part: int) -> tuple[int, ...]:
    """Positions of a part along an axis, evenly spaced from end to end."""
    return tuple(sorted({round(k * (length - part) / (_TO_THE_SIDE - 1)) for k in range(_TO_THE_SIDE)}))


def _shape_of_part(shape: Shape, psf: Shape, voxels: int) -> Shape:
    """The shape of a part of so many voxels, cut along the last two axes, and only then along the first of three."""
    part = list(shape)
    for axes in _axes_to_cut(len(shape)):
        excess = math.prod(part) / voxels
        for number, axis in enumerate(axes):
            if excess <= 1:
                break
            share = excess ** (1 / (len(axes) - number))
            # not much less than the PSF, whose light the rest would lack
            part[axis] = min(part[axis], max(math.floor(part[axis] / share), psf[axis], 32))
            excess = math.prod(part) / voxels
    return tuple(part)


def _axes_to_cut(ndim: int) -> Iterator[tuple[int, ...]]:
    yield (ndim - 2, ndim - 1)
    if ndim == 3:
        yield (0,)
