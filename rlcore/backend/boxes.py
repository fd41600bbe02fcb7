"""Boxes and blocks: geometry only; no arrays, no bytes.

Coordinates are those of the image: voxel 0 is its first, and boxes may reach outside it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]
"""Sizes or positions along 2 or 3 axes, slowest first."""


@dataclass(frozen=True, slots=True)
class Box:
    """Voxels from `start` up to, not including, `stop` on every axis."""

    start: Shape
    stop: Shape

    @property
    def shape(self) -> Shape:
        return tuple(max(0, stop - start) for start, stop in zip(self.start, self.stop, strict=True))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def intersect(self, other: Box) -> Box:
        """The voxels in both; an empty box (size 0) where there are none."""
        start = tuple(map(max, self.start, other.start))
        return Box(start, tuple(map(max, start, map(min, self.stop, other.stop))))

    def seen_from(self, other: Box) -> Box:
        """This box in coordinates that count from the first voxel of another box."""
        ends = (self.start, self.stop)
        first, last = (tuple(a - o for a, o in zip(end, other.start, strict=True)) for end in ends)
        return Box(first, last)

    def slices(self, origin: Shape) -> tuple[slice, ...]:
        """Index of this box in an array whose first voxel is at `origin`."""
        return tuple(slice(a - o, b - o) for a, b, o in zip(self.start, self.stop, origin, strict=True))


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of work: a core, which it contributes, and the halo around it, which it only reads."""

    extent: Box
    """Core and halo: the voxels that the block reads."""
    core: Box
    """The voxels that the block contributes."""


def pieces(shape: Shape, chunks: Shape, most: int) -> Iterator[Box]:
    """Boxes that tile an array: whole chunks of at most `most` voxels, or one chunk; long along the last axes."""
    piece = [min(c, n) for c, n in zip(chunks, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        piece[axis] = min(shape[axis], piece[axis] * max(1, most // math.prod(piece)))
    axes = (range(0, n, step) for n, step in zip(shape, piece, strict=True))
    for start in itertools.product(*axes):
        yield Box(start, tuple(min(a + step, n) for a, step, n in zip(start, piece, shape, strict=True)))


def runs(start: int, stop: int, n: int, *, wrap: bool) -> Iterator[tuple[slice, slice]]:
    """Along one axis: the stretches of ``start:stop`` that lie in ``0:n``, or in its repetitions if it wraps; each with
    where it goes, counted from `start`."""
    if not wrap:
        low, high = max(start, 0), min(stop, n)
        if low < high:
            yield slice(low, high), slice(low - start, high - start)
        return
    at = start
    while at < stop:
        length = min(n - at % n, stop - at)
        yield slice(at % n, at % n + length), slice(at - start, at - start + length)
        at += length
