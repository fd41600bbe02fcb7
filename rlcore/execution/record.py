"""What happens in a run, iteration by iteration: how well the model fits, summed over blocks as they are computed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from rlcore.backend import Backend, Fit, SupportsFit
from rlcore.blocks import Block, Box
from rlcore.pace import Pace
from rlcore.planner.plan import Plan
from rlcore.richardson_lucy import Data, Optics, Watch


@dataclass(frozen=True, slots=True)
class Info:
    """What happened in a run.

    Iteration k starts from a point (without acceleration: the estimate before it), whose blur is there anyway; what is
    told of iteration k is how that point fits. So the first entries are those of the constant start, and the fit of the
    result itself is not among them: it would take another blur.
    """

    iterations: int
    """Iterations that were run."""
    stopped: str
    """Why there were no more."""
    divergence: tuple[float | None, ...]
    """Csiszar's I-divergence of the image from the model, per voxel, for each iteration. About 0.5 is what counts lie
    from their own expectation; less is fitting noise. None for iterations that an interrupted run did before, and where
    the backend cannot tell."""
    light: tuple[float | None, ...]
    """Sum of the model over the image, background included, over the sum of the image."""
    factors: tuple[float | None, ...]
    """How far each point was predicted beyond its estimate; None without acceleration."""

    def to_dict(self) -> dict[str, object]:
        """Everything, in types that JSON has."""
        return asdict(self)


class Record:
    """Sums of what blocks tell. An iteration that not all blocks have told of is not known."""

    def __init__(self, backend: Backend[Any], mean: float) -> None:
        self._fit = backend.fit if isinstance(backend, SupportsFit) else None
        self._mean = mean
        self._told: dict[int, dict[int, Fit]] = {}
        self._blocks: dict[int, int] = {}

    def forget(self, finished: int) -> None:
        """The run goes on from so many iterations, by another plan."""
        self._told = {iteration: told for iteration, told in self._told.items() if iteration <= finished}

    def watch(self, iteration: int, number: int, blocks: int, part: Box, data: Data, optics: Optics) -> Watch | None:
        """What notes the fit of one block's own `part` of the image; None where the backend cannot tell."""
        if self._fit is None:
            return None
        fit, told = self._fit, self._told.setdefault(iteration, {})
        self._blocks[iteration] = blocks

        def note(blurred: Any) -> None:
            if part.size == 0:
                told[number] = Fit(0.0, 0.0)
            else:
                b, floor = optics.background, optics.floor
                told[number] = fit(data.image, blurred, background=b, floor=floor, inside=part)

        return note

    def info(self, plan: Plan, pace: Pace) -> Info:
        """All that is known in the end."""
        known = [self._sum(iteration) for iteration in range(1, plan.iterations + 1)]
        voxels = math.prod(plan.geometry.image_shape)
        return Info(
            plan.iterations,
            "as many iterations as asked for",
            tuple(fit and fit.divergence / voxels for fit in known),
            tuple(fit and fit.light / (voxels * (self._mean or 1.0)) for fit in known),
            tuple(map(pace.factor, range(plan.iterations))),
        )

    def _sum(self, iteration: int) -> Fit | None:
        told = self._told.get(iteration, {})
        if len(told) < self._blocks.get(iteration, 1):
            return None
        return Fit(math.fsum(fit.divergence for fit in told.values()), math.fsum(fit.light for fit in told.values()))


def own_part(block: Block, image: Box) -> Box:
    """What a block tells of: the voxels of the image that it keeps, as the block's array counts them."""
    return block.keep.intersect(image).seen_from(block.read)
