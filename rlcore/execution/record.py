"""What happens in a run, iteration by iteration: how well the model fits, summed over blocks as they are computed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rlcore.acceleration import factor_after
from rlcore.backend import Backend, Fit, Volume, real_dtype
from rlcore.blocks import Block
from rlcore.fitness import Lattice, Looker, View, total
from rlcore.planner.plan import Plan
from rlcore.richardson_lucy import Data, Optics, Watch
from rlcore.stopping import Rule


@dataclass(frozen=True, slots=True)
class Info:
    """What happened in a run.

    Iteration k starts from a point (without acceleration: the estimate before it), whose blur is there anyway; what is
    told of iteration k is how that point fits. So the first entries are those of the start, and the fit of the result
    itself is not among them: it would take another blur.
    """

    iterations: int
    """Iterations that were run."""
    stopped: str
    """Why there were no more."""
    divergence: tuple[float | None, ...]
    """Csiszar's I-divergence of the image from the model, per voxel, for each iteration. About 0.5 is what counts lie
    from their own expectation; less is fitting noise. None for iterations that an interrupted run did before."""
    light: tuple[float | None, ...]
    """Sum of the model over the image, background included, over the sum of the image."""
    share: float
    """Of the image's voxels, those that the two were taken from: every n-th plane of a large image. With m voxels the
    standard error of a divergence near 0.5 is ``0.7 / sqrt(m)``, if those planes are like the others."""
    factors: tuple[float | None, ...]
    """How far each point was predicted beyond its estimate; None without acceleration."""
    held_out: tuple[float, ...] = ()
    """For ``iterations="auto"``: the I-divergence, per voxel, of the photons that were held out from what was fitted to
    the others, for the point after 0, 1, 2 ... iterations."""
    gain: float | None = None
    """For ``iterations="auto"``: image units per photon."""
    offset: float | None = None
    """For ``iterations="auto"``: image units that the camera adds to every voxel."""

    def to_dict(self) -> dict[str, object]:
        """Everything, in types that JSON has."""
        return asdict(self)


class Record:
    """Sums of what blocks tell. An iteration that not all blocks have told of is not known.

    Parameters
    ----------
    backend : Backend
    image_shape : tuple of int
    rule : callable, optional
        Of `rlcore.stopping`: says of the divergences so far when it is enough.
    held_out : ndarray, optional
        Planes of the image's `Lattice` to compare with the model instead of the image's own.
    background : float, optional
        Of these.
    """

    def __init__(
        self,
        backend: Backend[Any],
        image_shape: tuple[int, ...],
        *,
        rule: Rule | None = None,
        held_out: Volume | None = None,
        background: float | None = None,
    ) -> None:
        self.lattice = Lattice.over(image_shape)
        self.stop: int | None = None
        """The iteration that the rule said to stop at."""
        self._looker, self._dtype, self._rule = Looker(backend), real_dtype(backend), rule
        self._held_out, self._background = held_out, background
        self._whole: Any = None
        """Held-out planes of the only block, as long as there is only one."""
        self._told: dict[int, dict[int, Fit]] = {}
        self._blocks: dict[int, int] = {}

    def forget(self, finished: int) -> None:
        """The run goes on from so many iterations, by another plan."""
        self._told = {iteration: told for iteration, told in self._told.items() if iteration <= finished}
        self._whole = None

    def watch(self, iteration: int, number: int, blocks: int, block: Block, data: Data, optics: Optics) -> Watch:
        """What notes the fit of one block's own part of the image."""
        view, told = self.lattice.of(block), self._told.setdefault(iteration, {})
        self._blocks[iteration] = blocks

        def note(blurred: Any) -> None:
            if view.inside.size == 0:
                told[number] = Fit(0.0, 0.0, 0.0)
            else:
                b = optics.background if self._background is None else self._background
                counts = self._counts(view, block, data, alone=blocks == 1)
                planes = self._looker.take(blurred, view)
                told[number] = self._looker.fit(counts, planes, view, background=b, floor=optics.floor)
            if self._rule is not None and len(told) == blocks:
                self.stop = self._rule(self.divergences())

        return note

    def divergences(self) -> list[float]:
        """Of the iterations from the first on, as far as all blocks have told of them, per voxel."""
        known: list[float] = []
        while (fit := self._sum(len(known) + 1)) is not None:
            known.append(fit.divergence / self.lattice.voxels)
        return known

    def enough(self, iteration: int) -> bool:
        """Whether a run that has done so many iterations is to end."""
        return self.stop is not None and iteration >= self.stop

    def info(self, plan: Plan, iterations: int) -> Info:
        """All that is known in the end, for a run of so many iterations."""
        known = [self._sum(iteration) for iteration in range(1, iterations + 1)]
        return Info(
            iterations,
            "as many iterations as asked for",
            tuple(fit and fit.divergence / self.lattice.voxels for fit in known),
            tuple(fit and fit.light / (fit.counts or 1.0) for fit in known),
            self.lattice.share,
            tuple(factor_after(plan.acceleration, k) for k in range(iterations)),
        )

    def _counts(self, view: View, block: Block, data: Data, *, alone: bool) -> Any:
        """What the model is compared with: planes of the image, or those that were held out."""
        if self._held_out is None:
            return self._looker.take(data.image, view)
        if self._whole is not None:
            return self._whole
        planes = np.zeros((view.count, *block.read.shape[1:]), self._dtype)
        step, part = self.lattice.step, view.inside
        rows = tuple(
            slice(a + at, b + at) for a, b, at in zip(part.start[1:], part.stop[1:], block.read.start[1:], strict=True)
        )
        held_out = self._held_out[(slice(view.planes.start // step, view.planes.stop // step), *rows)]
        planes[part.slices((0,) * planes.ndim)] = held_out
        brought = self._looker.bring(planes)
        if alone:
            self._whole = brought
        return brought

    def _sum(self, iteration: int) -> Fit | None:
        told = self._told.get(iteration, {})
        return None if len(told) < self._blocks.get(iteration, 1) else total(told.values())
