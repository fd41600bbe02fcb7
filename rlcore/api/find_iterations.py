"""The number of iterations, found by held-out photons: the run on the others shows when it begins to fit noise.

A part of the image that fits into memory as a whole tells the number. The run on all of it is then one of a fixed
number, planned like any other.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.algorithm.boundary import Geometry
from rlcore.algorithm.camera import Camera
from rlcore.algorithm.camera.model import REASONS
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.photons import NoPhotonsToHoldOut, Photons, Split, check_photons, split
from rlcore.algorithm.stopping import HELD_OUT, MAXIMUM_ITERATIONS, best_of, lowest
from rlcore.api.part_of_image import brightest_part, part_of
from rlcore.backend import Box, Shape, Volume
from rlcore.errors import BudgetError
from rlcore.execution.checkpoint import open_volume
from rlcore.execution.history import History
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.execution.run import Problem, Run
from rlcore.execution.volumes.image import check_background
from rlcore.execution.volumes.initial_estimate import to_host
from rlcore.execution.volumes.mapped import is_mapped
from rlcore.execution.volumes.scale import scale_for
from rlcore.execution.volumes.working import check_disk
from rlcore.planner import Plan
from rlcore.planner.within_memory import PlanMaker

SMALLEST_PART = 1 << 18
"""Voxels of an image up to which all of it is looked at; less would tell the number less well."""

_SHARE = 0.25
"""Share of a larger image that is looked at, so that the search takes less time than the run."""

_LARGEST_PART = 1 << 22
"""Voxels that are looked at of any image: more photons would not change the number."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of the search."""

    iterations: int
    stopped: str
    """The reason for this number."""
    held_out: tuple[float, ...] = ()
    """Divergence of the held-out photons after 0, 1, 2 ... iterations."""


EARLIER = "as many iterations as an earlier part of this run found by held-out photons"


class _Discarded:
    """Takes a result that nobody needs."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.dtype = shape, np.dtype(np.float32)

    def __setitem__(self, index: Any, value: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Search:
    """A search for the number of iterations by held-out photons.

    Nothing of it is kept in a checkpoint: a run that is killed meanwhile searches again.
    """

    problem: Problem
    plans: PlanMaker
    camera: Camera
    scratch: Path
    callback: Callback | None
    cancel: CancelEvent | None

    def run(self) -> Found:
        """Run on most of the photons, until the held-out ones are explained no better.

        Raises
        ------
        NoPhotonsToHoldOut
            If the image does not tell its photons, has too few, or values that are no numbers of photons.
        """
        if self.camera.gain is None:
            raise NoPhotonsToHoldOut(f"image does not tell how many photons it is of: {REASONS[self.camera.kind]}")
        part, plan = self._part()
        statistics = part.source.measure()
        check_background(part.background, statistics, part.offset)
        part.prior.check(statistics.maximum)
        if scale_for(statistics.maximum, statistics.minimum) is not None:
            raise NoPhotonsToHoldOut(
                f"image has a maximum of {statistics.maximum:g}, which is no number of photons to hold some out of"
            )
        photons = Photons(self.camera.gain, part.offset)
        check_photons(photons, statistics.maximum + part.offset)
        shape = part.geometry.image_shape
        with _fitted_volume(self.problem, shape, self.scratch) as fitted:
            parts = split(part.image, photons, fitted, self._to_host, part.prior.seed)
            history = History(part.backend, shape, rule=lowest, held_out=parts.held_out)
            self._fit(part, parts, history, plan)
        return _found(history, photons)

    def _part(self) -> tuple[Problem, Plan]:
        """The problem on a part of the image, and a plan for it: in one block, unless even small parts do not fit."""
        size = self.problem.geometry.image.size
        voxels = min(_LARGEST_PART, max(SMALLEST_PART, math.floor(_SHARE * size)))
        while True:
            box = brightest_part(self.problem, min(voxels, size))
            part = _problem_on(self.problem, box)
            try:
                plan = self._plans(part).best()
            except BudgetError:
                if voxels <= SMALLEST_PART:
                    raise
            else:
                if plan.is_whole or voxels <= SMALLEST_PART:
                    return part, plan
            voxels = max(SMALLEST_PART, voxels // 2)

    def _plans(self, part: Problem) -> PlanMaker:
        job = replace(
            self.plans.job, geometry=part.geometry, iterations=MAXIMUM_ITERATIONS, stop="held-out",
            result_in_memory=False, result_overlaps=False, lazy_image=False, checkpoint=False,
        )  # fmt: skip
        return replace(self.plans, job=job, tolerance=None)

    def _fit(self, part: Problem, parts: Split, history: History, plan: Plan) -> None:
        shape = part.geometry.image_shape
        thinned = replace(
            part,
            image=parts.fitted,
            native=False,
            out=_Discarded(shape),
            overlaps=False,
            offset=0.0,
            background=parts.background(part.background),
        )
        momentum = MomentumSchedule(part.acceleration, part.backend, shape)
        plans = self._plans(part)
        run = Run(thinned, plans, self.scratch, momentum, None, history, self.callback, self.cancel, searching=True)
        run.follow(plan, None)

    def _to_host(self, part: Any) -> Volume:
        return to_host(self.problem.backend, part)


def _problem_on(problem: Problem, box: Box) -> Problem:
    """The problem on a part of its image; light from outside is estimated wherever it was cut."""
    if box == problem.geometry.image:
        return problem
    whole = problem.geometry
    geometry = Geometry(box.shape, whole.psf_shape, whole.centre, "extended")
    start = problem.start
    if not isinstance(start.start, str):
        start = replace(start, start=part_of(start.start, box))
    weights = None if problem.weights is None else part_of(problem.weights, box)
    return replace(problem, image=part_of(problem.image, box), geometry=geometry, start=start, weights=weights)


def _found(history: History, photons: Photons) -> Found:
    scale = HELD_OUT / (1 - HELD_OUT) / photons.gain
    curve = [scale * each for each in history.divergences()]
    iterations = history.stop or best_of(curve)
    why = (
        f"held-out photons were explained best after {iterations} iteration{'s' * (iterations > 1)}"
        if history.stop
        else f"held-out photons were explained better for all of {MAXIMUM_ITERATIONS} iterations"
    )
    return Found(iterations, why, tuple(curve))


@contextlib.contextmanager
def _fitted_volume(problem: Problem, shape: Shape, folder: Path) -> Iterator[Volume]:
    """A volume for the fitted photons: in memory if the image is, else in a file that is removed afterwards."""
    if problem.native or (isinstance(problem.image, np.ndarray) and not is_mapped(problem.image)):
        yield np.empty(shape, np.float32)
        return
    check_disk(folder, 4 * math.prod(shape))
    with tempfile.TemporaryDirectory(prefix=".rlcore-photons-", dir=folder) as name:
        yield open_volume(Path(name) / "fitted.npy", shape, np.dtype(np.float32))
