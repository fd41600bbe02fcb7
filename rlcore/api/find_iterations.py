"""The number of iterations, found by held-out photons: the run on the others shows when it begins to fit noise."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.photons import Photons, check_gain, estimate, split
from rlcore.algorithm.stopping import HELD_OUT, MAXIMUM_ITERATIONS, best_of, lowest
from rlcore.api.request import Request
from rlcore.backend import Shape, Volume
from rlcore.errors import caution
from rlcore.execution.checkpoint import open_volume
from rlcore.execution.history import History
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.execution.run import Problem, Run
from rlcore.execution.volumes.image import ImageWarning, check_background
from rlcore.execution.volumes.initial_estimate import to_host
from rlcore.execution.volumes.mapped import is_mapped
from rlcore.execution.volumes.statistics import Statistics
from rlcore.execution.volumes.working import check_disk
from rlcore.planner import Plan


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


def find_iterations(
    request: Request, plan: Plan, statistics: Statistics, callback: Callback | None, cancel: CancelEvent | None
) -> Found:
    """Run on most of the photons, until the held-out ones are explained no better.

    Nothing of it is kept in a checkpoint: a run that is killed meanwhile searches again.
    """
    problem = request.problem
    request.check_plan(plan)
    check_background(problem.background, statistics)
    problem.prior.check(statistics.maximum)
    scratch = request.result_folder

    def host(part: Any) -> Volume:
        return to_host(problem.backend, part)

    photons = check_gain(request.settings.gain) or estimate(problem.image, host)
    if photons.offset > 0.5 * statistics.mean:
        caution(
            f"image has an offset of about {photons.offset:.3g} that is no light; take it off image and background, "
            "for a better result in fewer iterations",
            ImageWarning,
        )
    with _fitted_volume(problem, scratch) as fitted:
        parts = split(problem.image, photons, fitted, host, problem.prior.seed)
        thinned = replace(
            problem,
            image=parts.fitted,
            native=False,
            out=_Discarded(problem.geometry.image_shape),
            background=parts.background(problem.background),
        )
        history = History(problem.backend, problem.geometry.image_shape, rule=lowest, held_out=parts.held_out)
        plans = request.plans.changed(
            result_in_memory=False, lazy_image=not isinstance(parts.fitted, np.ndarray), checkpoint=False
        )
        momentum = MomentumSchedule(problem.acceleration, problem.backend, problem.geometry.image_shape)
        Run(
            thinned, plans, scratch, momentum, history=history, callback=callback, cancel=cancel, searching=True
        ).follow(plan, None)
    return _found(history, photons)


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
    """A volume for the photons that are fitted: in memory if the image is, else in a file that is removed afterwards."""
    shape = problem.geometry.image_shape
    if problem.native or (isinstance(problem.image, np.ndarray) and not is_mapped(problem.image)):
        yield np.empty(shape, np.float32)
        return
    check_disk(folder, 4 * problem.geometry.image.size)
    with tempfile.TemporaryDirectory(prefix=".rlcore-photons-", dir=folder) as name:
        yield open_volume(Path(name) / "fitted.npy", shape, np.dtype(np.float32))
