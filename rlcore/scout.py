"""What tells the next factor of an acceleration: how alike two steps are, in the planes that are looked at.

Of large images these are every n-th plane, always the same ones whatever the blocks, and they tell the quotient as well
as all. No more of a point is carried to the next iteration. And where they are few, and the factor stays on the device,
they are stepped by themselves, before all the others: so the next point is known when the step of these begins, and may
be made in the same pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from rlcore.acceleration import LEAST_DIVISOR, LEAST_SHARE
from rlcore.backend import (
    Backend,
    Likeness,
    Shape,
    SupportsFactor,
    SupportsLikeness,
    SupportsPrediction,
    Volume,
)
from rlcore.blocks import Block, Box
from rlcore.fitness import Lattice, Looker, View
from rlcore.steps import Steps

FEW = 8
"""Planes are stepped by themselves if they are at most one in so many: what that needs, seven arrays of them, is less
than the array that it saves, since all the others are stepped in place."""


Weigh = Callable[[View], Any]
"""Gives a block's weight in planes of it."""


class Planes:
    """Those planes of a block that are stepped by themselves, from one iteration of a sweep to the next."""

    def __init__(self, weigh: Callable[[], Any]) -> None:
        self.weight = cache(weigh)
        self.estimates: tuple[Any, Any] | None = None
        """The newest and the one before, once they are known."""


@dataclass(frozen=True, slots=True)
class Scout:
    """A look at one block's step in one iteration."""

    planes: Planes | None
    """What is stepped by itself; None where all is stepped at once."""
    take: Callable[[Any], Any]
    """What is looked at of a block's array, as `tell` and the next iteration need it; None where that is nothing."""
    tell: Callable[[Any, Any, Any, Any], None]
    """Takes the new estimate, the point it was stepped from, and both of the step before, all as `take` gave them."""

    def step(self, steps: Steps[Any], correction: Any, factor: Any, *, point: Any, newest: Any, before: Any) -> Any:
        """Step the planes by themselves, and tell of it; what is looked at of the point.

        The point and the newest estimate are whole arrays; `before` is what was looked at of the point before.
        """
        assert self.planes is not None
        if self.planes.estimates is None:
            latest, ours = self.take(newest), self.take(point)
        else:
            latest, older = self.planes.estimates
            ours = steps.predict(latest, older, factor, least=LEAST_SHARE, out=older)
        estimate = steps.update(ours, self.take(correction), self.planes.weight())
        self.tell(estimate, ours, latest, before)
        self.planes.estimates = estimate, latest
        return ours


Note = Callable[[Likeness], None]


class Scouting:
    """How a run on this backend looks at its steps."""

    def __init__(self, backend: Backend[Any], image_shape: Shape) -> None:
        self._lattice, self._looker = Lattice.over(image_shape), Looker(backend)
        joins = isinstance(backend, SupportsFactor) and isinstance(backend, SupportsPrediction)
        self._few = self._looker.stays and joins and self._lattice.step >= FEW
        self.carried = self._lattice if self._looker.stays else Lattice(image_shape, 1)
        """Which planes of points are carried from one iteration to the next."""
        self._likeness = backend.likeness if isinstance(backend, SupportsLikeness) else _on_host(backend)

    def over(self, block: Block, part: Box, weigh: Weigh) -> Callable[[Note | None], Scout]:
        """Makes looks at the steps of a block, over its own part of it, given what takes note of what one tells; None
        where there was no step before."""
        view = self._lattice.of(block)
        planes = Planes(partial(weigh, view)) if self._few and view.count else None

        def take(array: Any) -> Any:
            if self.carried.step == 1:
                return array
            return self._looker.take(array, view) if view.count else None

        def look(note: Note | None) -> Scout:
            def tell(*taken: Any) -> None:
                if note is not None:
                    note(self._alike(view, part, taken))

            return Scout(planes, take, tell)

        return look

    def _alike(self, view: View, part: Box, taken: tuple[Any, ...]) -> Likeness:
        if self._lattice.step == 1:
            return self._likeness(*taken, inside=part)
        if not view.inside.size:
            return Likeness(0.0, 0.0)
        if self._looker.stays:
            return self._likeness(*taken, inside=view.inside)
        return likeness(*(self._looker.take(array, view) for array in taken), inside=view.inside)


def likeness(estimate: Volume, point: Volume, previous: Volume, before: Volume, *, inside: Box) -> Likeness:
    """As `SupportsLikeness.likeness`, of NumPy arrays."""
    part = inside.slices((0,) * estimate.ndim)
    products, squares = [], []
    for planes in zip(estimate[part], point[part], previous[part], before[part], strict=True):
        newer, older = np.subtract(*planes[:2]), np.subtract(*planes[2:])
        share = older / np.maximum(planes[3], older.dtype.type(LEAST_DIVISOR))
        products.append(float(np.multiply(newer, share, out=newer).sum(axis=-1).sum(dtype=np.float64)))
        squares.append(float(np.multiply(older, share, out=older).sum(axis=-1).sum(dtype=np.float64)))
    return Likeness(math.fsum(products), math.fsum(squares))


def _on_host(backend: Backend[Any]) -> Callable[..., Likeness]:
    """The same for a backend that cannot tell: its arrays are brought to the host."""

    def told(*arrays: Any, inside: Box) -> Likeness:
        return likeness(*map(backend.download, arrays), inside=inside)

    return told
