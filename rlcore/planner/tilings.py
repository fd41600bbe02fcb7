"""Tilings: a domain cut into blocks that all read the same shape."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from rlcore.backend.boxes import Block, Box, Shape


@dataclass(frozen=True, slots=True)
class Tiling:
    """A cut of a domain into blocks of one extent, whose cores tile the domain exactly."""

    domain: Box
    extent_shape: Shape
    core_shape: Shape
    halo_before: Shape
    """Voxels of the halo in front of a core."""

    @property
    def counts(self) -> Shape:
        """Number of blocks along each axis."""
        return tuple(-(-n // core) for n, core in zip(self.domain.shape, self.core_shape, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def __iter__(self) -> Iterator[Block]:
        return map(self.block, itertools.product(*map(range, self.counts)))

    def block(self, index: Shape) -> Block:
        """The block at a position of the grid of blocks."""
        first = tuple(o + i * core for o, i, core in zip(self.domain.start, index, self.core_shape, strict=True))
        last = tuple(min(a + core, end) for a, core, end in zip(first, self.core_shape, self.domain.stop, strict=True))
        start = tuple(a - halo for a, halo in zip(first, self.halo_before, strict=True))
        stop = tuple(a + n for a, n in zip(start, self.extent_shape, strict=True))
        return Block(Box(start, stop), Box(first, last))
