"""Sampled planes: those planes of a large image over which sums for the fit and for momentum are taken.

A sum for the I-divergence takes a logarithm for every voxel, which would be a tenth of an iteration. So sums over large
images take every n-th plane along the first axis (every n-th row, in 2D), always the same planes of the image, whatever
the blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rlcore.backend import Backend, Box, Shape

SAMPLED_VOXELS = 1 << 18
"""Voxels that are sampled of larger images: their mean divergence has a standard error of 0.0014."""

MINIMUM_PLANES = 4
"""Planes that are sampled if the image has as many."""


@dataclass(frozen=True, slots=True)
class SampledPlanes:
    """Every `step`-th plane of an image of this shape, from the middle of the first step on."""

    shape: Shape
    step: int

    @classmethod
    def over(cls, shape: Shape) -> SampledPlanes:
        """Planes that hold about `SAMPLED_VOXELS` voxels of an image of this shape, `MINIMUM_PLANES` at least."""
        return cls(shape, max(1, min(math.prod(shape) // SAMPLED_VOXELS, shape[0] // MINIMUM_PLANES)))

    @property
    def planes(self) -> range:
        """Indices of the sampled planes along the image's first axis."""
        return range(self.step // 2, self.shape[0], self.step)

    @property
    def voxels(self) -> int:
        """Number of sampled voxels."""
        return len(self.planes) * math.prod(self.shape[1:])

    @property
    def share(self) -> float:
        """Sampled voxels over all voxels of the image."""
        return self.voxels / math.prod(self.shape)

    def of(self, extent: Box, core: Box) -> PlaneView:
        """The sampled planes of a block that lie in its core, in terms of its array, which spans `extent`."""
        part = core.intersect(Box((0,) * len(self.shape), self.shape))
        inside, first = part.seen_from(extent), self.step // 2
        begin, end = self._numbers(part)
        planes = range(first + begin * self.step, first + end * self.step, self.step)
        if self.step == 1:
            return PlaneView(planes, 0, 1, extent.shape[0], inside)
        rows = Box((0, *inside.start[1:]), (len(planes), *inside.stop[1:]))
        return PlaneView(planes, planes.start - extent.start[0], self.step, len(planes), rows)

    def alone(self, box: Box, core: Box) -> Box:
        """A box of a block with this core, in a volume that consists of the sampled planes alone."""
        if self.step == 1:
            return box
        begin, end = self._numbers(core.intersect(Box((0,) * len(self.shape), self.shape)))
        return Box((begin, *box.start[1:]), (end, *box.stop[1:]))

    def _numbers(self, part: Box) -> tuple[int, int]:
        """Numbers of the sampled planes in a part of the image: the first, and the one after the last."""
        if not part.size:
            return 0, 0
        begin, end = (-(-(at - self.step // 2) // self.step) for at in (part.start[0], part.stop[0]))
        return begin, end


@dataclass(frozen=True, slots=True)
class PlaneView:
    """The sampled planes of one block."""

    planes: range
    """Their indices in the image."""
    first: int
    """Index of the first one in the block's array; the others follow every `step` planes."""
    step: int
    count: int
    inside: Box
    """The voxels to sum over, in an array of these planes alone."""

    def take(self, backend: Backend[Any], array: Any) -> Any:
        """An array of these planes of a block's array; the array itself if no plane is left out."""
        return array if self.step == 1 else backend.planes(array, self.first, self.step, self.count)
