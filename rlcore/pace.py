"""How far each step of a run starts beyond its estimate: the factors of acceleration, iteration by iteration.

Heavy ball (Wang & Miller 2014, IEEE Trans. Image Process. 23, 848): ``(k - 1) / (k + 2)`` for step k. It depends on no
data, so blocks need not agree on it.

Biggs (Biggs & Andrews 1997, Appl. Opt. 36, 1766; first order): as far as the last two steps point the same way,

    u_k = f_k - y_k        c = <u_k, u_(k-1)> / <u_(k-1), u_(k-1)>        within [0, 1)

where the product of two steps sums u v / y over all voxels that hold light, as is natural for counts: a step that only
scales the light is at right angles to all that keep it. The plain sum of u v hangs on rounding ten times as much, since
transforms round all voxels of a block alike, and gains no iterations. Blocks sum over what they keep, of large images
over every n-th plane of it (which are the same whatever the blocks, and tell the quotient as well), and the sums are
added exactly, so the order of blocks changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rlcore.acceleration import LEAST_DIVISOR, TELLING, Acceleration
from rlcore.backend import Backend, Likeness, Shape, SupportsFit, SupportsLikeness, Volume
from rlcore.blocks import Block, Box
from rlcore.fitness import Lattice, Looker
from rlcore.richardson_lucy import Tell

MOST = 0.999
"""The largest factor, below 1."""


class Pace:
    """The factors of one run. What blocks tell of an iteration counts when all of them have told."""

    def __init__(self, acceleration: Acceleration, backend: Backend[Any], image_shape: Shape) -> None:
        self._acceleration = acceleration
        self._lattice, self._looker = Lattice.over(image_shape), Looker(backend)
        self._stays = isinstance(backend, SupportsFit)
        """Whether planes that are looked at stay on the device."""
        self._likeness = backend.likeness if isinstance(backend, SupportsLikeness) else _on_host(backend)
        self._factors: dict[int, float] = {}
        self._told: dict[int, Likeness] = {}
        """Of the iteration under way, by block."""

    def factor(self, finished: int) -> float | None:
        """The factor of the step after so many iterations; None for plain ones."""
        if self._acceleration == "none":
            return None
        if self._acceleration in TELLING:
            return self._factors.get(finished, 0.0)
        return finished / (finished + 3)

    def tell(self, iteration: int, number: int, blocks: int, block: Block, part: Box) -> Tell | None:
        """What notes the step of one block in an iteration, over its own `part`, as its arrays count it; None where no
        factor needs it."""
        if self._acceleration not in TELLING:
            return None

        def note(estimate: Any, point: Any, previous: Any, before: Any) -> None:
            if iteration in self._factors:
                return  # a run that goes on does the last blocks of a sweep again
            self._told[number] = self._alike(block, part, estimate, point, previous, before)
            if len(self._told) == blocks:
                self._factors[iteration] = _factor(list(self._told.values()))
                self._told = {}

        return note

    def _alike(self, block: Block, part: Box, *arrays: Any) -> Likeness:
        """Of all voxels of a part of the block, or of some planes of it."""
        if self._lattice.step == 1:
            return self._likeness(*arrays, inside=part)
        view = self._lattice.of(block)
        if not view.inside.size:
            return Likeness(0.0, 0.0)
        alike = self._likeness if self._stays else likeness
        return alike(*(self._looker.take(array, view) for array in arrays), inside=view.inside)

    def forget(self, finished: int) -> None:
        """The run goes on from so many iterations, by another plan."""
        self._factors = {k: factor for k, factor in self._factors.items() if k <= finished}
        self._told = {}

    def to_dict(self) -> dict[str, Any]:
        """What a run that goes on needs to know, in types that JSON has."""
        return {"factors": list(self._factors.items()), "told": [[n, *pair] for n, pair in self._told.copy().items()]}

    def restore(self, known: Mapping[str, Any]) -> None:
        """Go on with what an earlier run knew."""
        self._factors = {int(k): float(factor) for k, factor in known["factors"]}
        self._told = {int(n): Likeness(product, square) for n, product, square in known["told"]}


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


def _factor(told: list[Likeness]) -> float:
    square = math.fsum(one.square for one in told)
    product = math.fsum(one.product for one in told)
    return min(max(product / square, 0.0), MOST) if square > 0 else 0.0


def _on_host(backend: Backend[Any]) -> Any:
    """The same for a backend that cannot tell: its arrays are brought to the host."""

    def told(*arrays: Any, inside: Box) -> Likeness:
        return likeness(*map(backend.download, arrays), inside=inside)

    return told
