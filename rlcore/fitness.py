"""How well a block's model fits its data: a look at some of its planes, on any backend.

A look takes a logarithm for every voxel, which would be a tenth of an iteration. So large images are looked at in every
n-th plane along their first axis (every n-th row, in 2D), always the same ones of the image, whatever the blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend, Fit, Shape, SupportsFit, Volume
from rlcore.blocks import Block, Box

LOOKED_AT = 1 << 18
"""Voxels that are looked at if the image has more: their mean divergence has a standard error of 0.0014."""

LEAST_PLANES = 4
"""Planes that are looked at if the image has as many."""

LEAST_RATIO = 1e-30
"""For the logarithm of what is multiplied by 0."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Which planes of an image are looked at: every `step`-th along its first axis, from the middle of the first step
    on."""

    shape: Shape
    step: int

    @classmethod
    def over(cls, shape: Shape) -> Lattice:
        """As many planes of an image of this shape as make `LOOKED_AT` voxels, `LEAST_PLANES` at least."""
        return cls(shape, max(1, min(math.prod(shape) // LOOKED_AT, shape[0] // LEAST_PLANES)))

    @property
    def planes(self) -> range:
        return range(self.step // 2, self.shape[0], self.step)

    @property
    def voxels(self) -> int:
        """How many are looked at."""
        return len(self.planes) * math.prod(self.shape[1:])

    @property
    def share(self) -> float:
        """Of the image's voxels, those that are looked at."""
        return self.voxels / math.prod(self.shape)

    def of(self, block: Block) -> View:
        """What is looked at of a block: planes of the image that it keeps, within what it keeps of them."""
        part, (begin, end) = self._kept(block)
        first = self.step // 2
        planes = range(first + begin * self.step, first + end * self.step, self.step)
        inside = part.seen_from(block.read)
        if self.step == 1:
            return View(planes, 0, 1, block.read.shape[0], inside)
        rows = Box((0, *inside.start[1:]), (len(planes), *inside.stop[1:]))
        return View(planes, planes.start - block.read.start[0], self.step, len(planes), rows)

    def thin(self, block: Block) -> Block:
        """The same, as a block of a volume that has no other planes: the first of them is its plane 0."""
        if self.step == 1:
            return block
        _, (begin, end) = self._kept(block)
        read, keep = (Box((begin, *box.start[1:]), (end, *box.stop[1:])) for box in (block.read, block.keep))
        return Block(read, keep)

    def _kept(self, block: Block) -> tuple[Box, tuple[int, int]]:
        """What a block keeps of the image, and which of the planes lie there: from the first up to, not including, the
        last."""
        part = block.keep.intersect(Box((0,) * len(self.shape), self.shape))
        if not part.size:
            return part, (0, 0)
        begin, end = (-(-(at - self.step // 2) // self.step) for at in (part.start[0], part.stop[0]))
        return part, (begin, end)


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at of one block."""

    planes: range
    """Of the image."""
    first: int
    """The first plane that is taken from a block's array; then every `step`-th, `count` of them."""
    step: int
    count: int
    inside: Box
    """Voxels to look at, in the planes that were taken."""


class Looker:
    """Looks at arrays on the device, there if the backend can do it, and on the host if not."""

    def __init__(self, backend: Backend[Any]) -> None:
        self._backend: Any = backend
        self.stays = isinstance(backend, SupportsFit)
        """Whether planes stay on the device."""

    def take(self, array: Any, view: View) -> Any:
        """Planes of a block's array: all of them as they are where none is left out."""
        if not self.stays:
            return self._backend.download(array)[view.first :: view.step][: view.count]
        return array if view.step == 1 else self._backend.planes(array, view.first, view.step, view.count)

    def bring(self, planes: Volume) -> Any:
        """Planes that lie on the host, for `fit`."""
        return self._backend.upload(planes) if self.stays else planes

    def fit(self, counts: Any, blurred: Any, view: View, *, background: float, floor: float) -> Fit:
        """The counts against the model, both as `take` gave them."""
        if view.inside.size == 0:
            return Fit(0.0, 0.0, 0.0)
        if self.stays:
            told: Fit = self._backend.fit(counts, blurred, background=background, floor=floor, inside=view.inside)
            return told
        part = view.inside.slices((0,) * counts.ndim)
        return fit(counts[part], blurred[part], background=background, floor=floor)


def fit(counts: Volume, blurred: Volume, *, background: float, floor: float) -> Fit:
    """As `SupportsFit.fit`, of NumPy arrays: plane by plane, which stay in the cache."""
    return total(_sums(*planes, background, floor) for planes in zip(counts, blurred, strict=True))


def total(told: Any) -> Fit:
    """The sum of several, which does not depend on their order."""
    return Fit(*map(math.fsum, zip(*told, strict=True))) if (told := list(told)) else Fit(0.0, 0.0, 0.0)


def _sums(counts: Volume, blurred: Volume, background: float, floor: float) -> Fit:
    """Rows are summed by pairs, and the rows in double precision."""
    model = np.add(blurred, blurred.dtype.type(background))
    np.maximum(model, model.dtype.type(floor), out=model)
    terms = np.divide(counts, model)
    np.maximum(terms, terms.dtype.type(LEAST_RATIO), out=terms)
    np.multiply(np.log(terms, out=terms), counts, out=terms)
    light = _total(model)
    np.subtract(model, counts, out=model)
    return Fit(_total(np.add(terms, model, out=terms)), light, _total(counts))


def _total(values: Volume) -> float:
    return float(values.sum(axis=-1).sum(dtype=np.float64))
