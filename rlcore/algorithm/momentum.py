"""Momentum schedules: how far each step of an accelerated run starts beyond its estimate.

Heavy ball (Wang & Miller 2014, IEEE Trans. Image Process. 23, 848): ``(k - 1) / (k + 2)`` for step k. It does not
depend on the data, so blocks need not agree on it.

Biggs (Biggs & Andrews 1997, Appl. Opt. 36, 1766; first order): as far as the last two steps point the same way,

    u_k = f_k - y_k        c = <u_k, u_(k-1)> / <u_(k-1), u_(k-1)>        within [0, 1)

where the inner product of two steps sums u v / y over all voxels that hold light, as is natural for counts: a step that
only scales the light is orthogonal to all steps that preserve it. The plain sum of u v is ten times as sensitive to
rounding, since transforms round all voxels of a block alike, and saves no iterations. Blocks sum over their cores, of
large images over sampled planes, and the sums are added exactly, so the order of blocks changes nothing. Where one
block is the whole image the backend makes the momentum, which then need not leave the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rlcore.algorithm.acceleration import ADAPTIVE, MINIMUM_SHARE, Acceleration
from rlcore.algorithm.sampled_planes import PlaneView, SampledPlanes
from rlcore.backend import Backend, Box, InnerProducts, Shape
from rlcore.backend.boxes import Block

MAXIMUM_MOMENTUM = 0.999
"""The largest momentum, below 1."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares the step of one block with the step before, in sampled planes; adaptive momentum depends on it."""

    copies: bool
    """True if `planes_of_point` copies, so that the step may overwrite its point afterwards."""
    planes_of_point: Callable[[Any], Any]
    """Gives the sampled planes of the point that the step starts from; None if the block has none of them."""
    add: Callable[[Any, Any, Any, Any], None]
    """Takes the new estimate and the planes of its point, the estimate before and the planes of that one's point."""


class SampledEstimates:
    """The sampled planes of the last two estimates of a block, kept from one iteration of a sweep to the next.

    Of few voxels they give those of the next point, for which a backend would otherwise copy planes of both estimates
    in every iteration.
    """

    def __init__(self, backend: Backend[Any], view: PlaneView) -> None:
        self._backend, self._view = backend, view
        self._kept: tuple[Any, Any] | None = None
        """The newest one and the one before; None before the first iteration, and where planes are no copies."""

    def planes_of_point(self, point: Any, momentum: Any) -> Any:
        """The planes of the point that was extrapolated from the estimates with this momentum."""
        if self._kept is None:
            return self._take(point)
        newest, previous = self._kept
        self._kept = newest, None  # its memory is the point's from now on
        return self._backend.predict(newest, previous, momentum, share=MINIMUM_SHARE, out=previous)

    def add(self, estimate: Any, previous: Any) -> tuple[Any, Any]:
        """Keep the planes of a new estimate; returns them, and those of the estimate before."""
        older = self._take(previous) if self._kept is None else self._kept[0]
        newest = self._take(estimate)
        if newest is not estimate and newest is not None:  # else the iterations go on with it, and overwrite it
            self._kept = newest, older
        return newest, older

    def _take(self, array: Any) -> Any:
        return self._view.take(self._backend, array) if self._view.count else None


class MomentumSchedule:
    """The momentum of each step of one run; an adaptive one is known once all blocks have compared their steps."""

    def __init__(self, acceleration: Acceleration, backend: Backend[Any], image_shape: Shape) -> None:
        self._acceleration, self._backend = acceleration, backend
        self.sampled = SampledPlanes.over(image_shape)
        self._momentum: dict[int, Any] = {}
        """By number of finished iterations: floats, or what the backend's `momentum` returned."""
        self._products: dict[int, InnerProducts] = {}
        """By block, of the iteration under way."""

    def momentum(self, finished: int) -> Any:
        """Momentum of the step after so many iterations, as `Backend.predict` takes it; None without acceleration."""
        if self._acceleration == "none":
            return None
        if self._acceleration in ADAPTIVE:
            return self._momentum.get(finished, 0.0)
        return finished / (finished + 3)

    def history(self, iterations: int) -> tuple[float | None, ...]:
        """Momentum of each of so many steps, as numbers."""
        steps = map(self.momentum, range(iterations))
        return tuple(None if momentum is None else float(momentum) for momentum in steps)

    def comparison(self, number: int, blocks: int, extent: Box, core: Box) -> Callable[[int], Comparison | None]:
        """Gives for each iteration the comparison of a block's steps in its core; None if none is needed."""
        if self._acceleration not in ADAPTIVE:
            return lambda _: None
        backend, view = self._backend, self.sampled.of(extent, core)
        # an image small enough to be sampled whole is compared over all of the domain
        inside = core.seen_from(extent) if self.sampled.step == 1 else view.inside

        estimates = SampledEstimates(backend, view)

        def of_iteration(iteration: int) -> Comparison:
            def planes_of_point(point: Any) -> Any:
                return estimates.planes_of_point(point, self.momentum(iteration - 1))

            def add(estimate: Any, planes: Any, previous: Any, before: Any) -> None:
                newest, older = estimates.add(estimate, previous)
                # a run that was resumed repeats some blocks, and the first iteration has no step before it
                if iteration in self._momentum or iteration == 1:
                    return
                compared = newest, planes, older, before
                if blocks == 1:
                    self._momentum[iteration] = backend.momentum(*compared, inside=inside, maximum=MAXIMUM_MOMENTUM)
                    return
                products = backend.inner_products(*compared, inside=inside) if inside.size else InnerProducts(0.0, 0.0)
                self._add(iteration, number, blocks, products)

            return Comparison(self.sampled.step > 1, planes_of_point, add)

        return of_iteration

    def carried(self, block: Block) -> Block:
        """The planes of a block's point that go to the next iteration, as a block of a volume of sampled planes."""
        extent, core = (self.sampled.alone(box, block.core) for box in (block.extent, block.core))
        return Block(extent, core)

    def _add(self, iteration: int, number: int, blocks: int, products: InnerProducts) -> None:
        self._products[number] = products
        if len(self._products) == blocks:
            sums = InnerProducts(*map(math.fsum, zip(*self._products.values(), strict=True)))
            self._momentum[iteration] = sums.momentum(MAXIMUM_MOMENTUM)
            self._products = {}

    def forget(self, finished: int) -> None:
        """Forget what came after so many iterations, from which the run goes on by another plan."""
        self._momentum = {k: momentum for k, momentum in self._momentum.items() if k <= finished}
        self._products = {}

    def to_dict(self) -> dict[str, Any]:
        """The state that a resumed run needs, in types that JSON has."""
        products = [[number, *map(float, pair)] for number, pair in self._products.copy().items()]
        return {"momentum": [[k, float(momentum)] for k, momentum in self._momentum.items()], "products": products}

    def restore(self, known: Mapping[str, Any]) -> None:
        """Take over the state of an earlier run."""
        self._momentum = {int(k): float(momentum) for k, momentum in known["momentum"]}
        self._products = {int(n): InnerProducts(product, square) for n, product, square in known["products"]}
