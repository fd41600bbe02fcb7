"""How far each step of a run starts beyond its estimate: the factors of acceleration, iteration by iteration.

Heavy ball (Wang & Miller 2014, IEEE Trans. Image Process. 23, 848): ``(k - 1) / (k + 2)`` for step k. It depends on no
data, so blocks need not agree on it.

Biggs (Biggs & Andrews 1997, Appl. Opt. 36, 1766; first order): as far as the last two steps point the same way,

    u_k = f_k - y_k        c = <u_k, u_(k-1)> / <u_(k-1), u_(k-1)>        within [0, 1)

where the product of two steps sums u v / y over all voxels that hold light, as is natural for counts: a step that only
scales the light is at right angles to all that keep it. The plain sum of u v hangs on rounding ten times as much, since
transforms round all voxels of a block alike, and gains no iterations. Blocks sum over what they keep, of large images
over every n-th plane of it (`rlcore.scout`), and the sums are added exactly, so the order of blocks changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat

from rlcore.acceleration import TELLING, Acceleration
from rlcore.backend import Backend, Likeness, Shape, SupportsFactor
from rlcore.blocks import Block, Box
from rlcore.scout import Scout, Scouting, Weigh

MOST = 0.999
"""The largest factor, below 1."""


class Pace:
    """The factors of one run. What blocks tell of an iteration counts when all of them have told."""

    def __init__(self, acceleration: Acceleration, backend: Backend[Any], image_shape: Shape) -> None:
        self._acceleration = acceleration
        self._on_device = backend.factor if isinstance(backend, SupportsFactor) else None
        self._scouting = Scouting(backend, image_shape)
        self._factors: dict[int, SupportsFloat] = {}
        self._told: dict[int, Likeness] = {}
        """Of the iteration under way, by block."""

    def factor(self, finished: int) -> SupportsFloat | None:
        """The factor of the step after so many iterations, for `predict`; None for plain ones."""
        if self._acceleration == "none":
            return None
        if self._acceleration in TELLING:
            return self._factors.get(finished, 0.0)
        return finished / (finished + 3)

    def scouts(self, number: int, blocks: int, block: Block, part: Box, weigh: Weigh) -> Callable[[int], Scout | None]:
        """What looks at the steps of one block in a sweep's iterations, over its own `part`, as its arrays count it;
        None where no factor needs it."""
        if self._acceleration not in TELLING:
            return lambda _: None
        over = self._scouting.over(block, part, weigh)

        def scout(iteration: int) -> Scout | None:
            known = iteration in self._factors  # a run that goes on does the last blocks of a sweep again
            return over(
                None if known or iteration == 1 else lambda likeness: self._note(iteration, number, blocks, likeness)
            )

        return scout

    def _note(self, iteration: int, number: int, blocks: int, likeness: Likeness) -> None:
        self._told[number] = likeness
        if len(self._told) == blocks:
            self._factors[iteration] = self._factor_of(list(self._told.values()))
            self._told = {}

    def carried(self, block: Block) -> Block:
        """What of a block's point is carried to the next iteration, as a block of a volume of the planes looked at."""
        return self._scouting.carried.thin(block)

    def _factor_of(self, told: list[Likeness]) -> SupportsFloat:
        if len(told) == 1 and self._on_device is not None:
            return self._on_device(told[0], most=MOST)
        return Likeness(*(math.fsum(map(float, part)) for part in zip(*told, strict=True))).factor(MOST)

    def forget(self, finished: int) -> None:
        """The run goes on from so many iterations, by another plan."""
        self._factors = {k: factor for k, factor in self._factors.items() if k <= finished}
        self._told = {}

    def to_dict(self) -> dict[str, Any]:
        """What a run that goes on needs to know, in types that JSON has."""
        factors = [(k, float(factor)) for k, factor in self._factors.items()]
        return {"factors": factors, "told": [[n, *map(float, pair)] for n, pair in self._told.copy().items()]}

    def restore(self, known: Mapping[str, Any]) -> None:
        """Go on with what an earlier run knew."""
        self._factors = {int(k): float(factor) for k, factor in known["factors"]}
        self._told = {int(n): Likeness(product, square) for n, product, square in known["told"]}
