"""The number of iterations, found by held-out photons: the run on the others shows when it begins to fit noise."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.algorithm.camera import estimate_camera
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.photons import Photons, Split, check_gain, check_photons, photons_of, split
from rlcore.algorithm.stopping import HELD_OUT, MAXIMUM_ITERATIONS, best_of, lowest
from rlcore.backend import Shape, Volume
from rlcore.errors import InputError, caution
from rlcore.execution.checkpoint import open_volume
from rlcore.execution.history import History
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.execution.run import Problem, Run
from rlcore.execution.volumes.image import ImageWarning, check_background
from rlcore.execution.volumes.initial_estimate import to_host
from rlcore.execution.volumes.mapped import is_mapped
from rlcore.execution.volumes.scale import scale_for
from rlcore.execution.volumes.statistics import Statistics
from rlcore.execution.volumes.working import check_disk
from rlcore.planner import Plan
from rlcore.planner.within_memory import PlanMaker


@dataclass(frozen=True, slots=True)
class Found:
    """The result of the search."""

    iterations: int
    stopped: str
    """The reason for this number."""
    held_out: tuple[float, ...] = ()
    """Divergence of the held-out photons after 0, 1, 2 ... iterations."""
    photons: Photons | None = None


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
    gain: Any
    """The caller's gain, or gain and offset; None to estimate both."""
    scratch: Path
    callback: Callback | None
    cancel: CancelEvent | None

    def run(self, plan: Plan, statistics: Statistics) -> Found:
        """Run on most of the photons, until the held-out ones are explained no better."""
        problem = self.problem
        check_background(problem.background, statistics)
        problem.prior.check(statistics.maximum)
        if scale_for(statistics.maximum, statistics.minimum) is not None:
            raise InputError(
                f"image has a maximum of {statistics.maximum:g}, which is no number of photons to hold some out of; "
                "give iterations a number, or scale it to photons"
            )
        photons = check_gain(self.gain) or photons_of(estimate_camera(problem.image, self._to_host))
        check_photons(photons, statistics.maximum)
        if photons.offset > 0.5 * statistics.mean:
            caution(
                f"image has an offset of about {photons.offset:.3g} that is no light; take it off image and "
                "background, for a better result in fewer iterations",
                ImageWarning,
            )
        with _fitted_volume(problem, self.scratch) as fitted:
            parts = split(problem.image, photons, fitted, self._to_host, problem.prior.seed)
            history = History(problem.backend, problem.geometry.image_shape, rule=lowest, held_out=parts.held_out)
            self._fit(parts, history, plan)
        return _found(history, photons)

    def _fit(self, parts: Split, history: History, plan: Plan) -> None:
        problem = self.problem
        shape = problem.geometry.image_shape
        thinned = replace(
            problem,
            image=parts.fitted,
            native=False,
            out=_Discarded(shape),
            overlaps=False,
            background=parts.background(problem.background),
        )
        plans = self.plans.changed(result_in_memory=False, result_overlaps=False, lazy_image=False, checkpoint=False)
        momentum = MomentumSchedule(problem.acceleration, problem.backend, shape)
        run = Run(thinned, plans, self.scratch, momentum, None, history, self.callback, self.cancel, searching=True)
        run.follow(plan, None)

    def _to_host(self, part: Any) -> Volume:
        return to_host(self.problem.backend, part)


def _found(history: History, photons: Photons) -> Found:
    scale = HELD_OUT / (1 - HELD_OUT) / photons.gain
    curve = [scale * each for each in history.divergences()]
    iterations = history.stop or best_of(curve)
    why = (
        f"held-out photons were explained best after {iterations} iterations"
        if history.stop
        else f"held-out photons were explained better for all of {MAXIMUM_ITERATIONS} iterations"
    )
    return Found(iterations, why, tuple(curve), photons)


@contextlib.contextmanager
def _fitted_volume(problem: Problem, folder: Path) -> Iterator[Volume]:
    """A volume for the fitted photons: in memory if the image is, else in a file that is removed afterwards."""
    shape = problem.geometry.image_shape
    if problem.native or (isinstance(problem.image, np.ndarray) and not is_mapped(problem.image)):
        yield np.empty(shape, np.float32)
        return
    check_disk(folder, 4 * problem.geometry.image.size)
    with tempfile.TemporaryDirectory(prefix=".rlcore-photons-", dir=folder) as name:
        yield open_volume(Path(name) / "fitted.npy", shape, np.dtype(np.float32))
