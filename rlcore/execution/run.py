"""One run, from the checked problem to the result: the only place that opens the image and begins to iterate."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.algorithm.acceleration import Acceleration
from rlcore.algorithm.boundary import Geometry
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.regularization import Prior, Regularizer
from rlcore.backend import Backend, Shape
from rlcore.errors import caution
from rlcore.execution.checkpoint import Checkpoint, Order
from rlcore.execution.engine import ReplanWarning, Work, execute
from rlcore.execution.history import History
from rlcore.execution.kept_checkpoints import release_checkpoint
from rlcore.execution.progress import Callback, CancelEvent, Reporter
from rlcore.execution.volumes.image import Image, Source, open_image
from rlcore.execution.volumes.initial_estimate import InitialEstimate
from rlcore.execution.volumes.results import result_for
from rlcore.execution.volumes.statistics import Statistics, chunks_of
from rlcore.execution.volumes.stores import HostStore, Store
from rlcore.execution.volumes.working import WorkingVolumes, check_disk
from rlcore.optics.psf import PSF
from rlcore.planner import Plan
from rlcore.planner.within_memory import PlanMaker


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """An image to restore, with everything that defines the result; all of it checked."""

    image: Any
    psf: PSF
    geometry: Geometry
    backend: Backend[Any]
    native: bool
    """True if the image is an array of the backend's own library, and the result is to be one too."""
    background: float
    """Light that is not the object's, in the image's units above its offset."""
    acceleration: Acceleration
    prior: Prior
    start: InitialEstimate
    offset: float = 0.0
    """What the camera adds to every voxel of the image."""
    weights: Any = None
    """How much each voxel of the image counts: an array of its shape, or None if all count alike."""
    out: Any = None
    """Takes the result; None for a new array."""
    overlaps: bool = False
    """True if writing to `out` may change the image or the start."""

    @property
    def source(self) -> Source:
        """Where the image comes from."""
        return Source(self.image, self.offset, self.weights)

    @property
    def chunks(self) -> Shape:
        """Shape of the result's chunks; 1 voxel if it has none."""
        return (1,) * len(self.geometry.image_shape) if self.out is None else chunks_of(self.out)


@dataclass(slots=True)
class Run:
    """A problem on its way to the result."""

    problem: Problem
    plans: PlanMaker
    """Makes a smaller plan if memory runs out."""
    scratch: Path
    """Folder for scratch files."""
    momentum: MomentumSchedule
    checkpoint: Checkpoint | None = None
    history: History | None = None
    callback: Callback | None = None
    cancel: CancelEvent | None = None
    searching: bool = False
    """True if this run only searches for the number of iterations."""

    def follow(self, plan: Plan, statistics: Statistics | None) -> tuple[Any, Plan]:
        """Carry out a plan, or a smaller one if memory runs out; returns the result and the plan that began.

        `statistics` are the image's, if they are known already.
        """
        problem, backend = self.problem, self.problem.backend
        image, plan = self._open(plan, statistics)
        image.check(backend.facts.dtype if problem.out is None else np.dtype(problem.out.dtype))
        problem.prior.check(image.statistics.maximum)
        problem.start.check(image.statistics.mean)
        if self.history is not None and image.scale is not None:
            self.history.scale = image.scale
        if self.checkpoint is None or self.checkpoint.plan is None:
            check_disk(self.scratch, plan.scratch_bytes)
            if self.checkpoint is not None:
                self.checkpoint.start(plan, Order(problem.chunks, gather=problem.out is None))
        result = result_for(
            backend,
            problem.geometry.image_shape,
            problem.out,
            native=problem.native,
            scale=image.scale,
            overlaps=problem.overlaps,
            scratch=self.scratch,
        )
        start = problem.start.store(backend, problem.geometry, image)
        with contextlib.closing(result):
            with WorkingVolumes(
                backend,
                problem.geometry,
                start,
                result,
                momentum=self.momentum,
                scratch_parent=self.scratch,
                checkpoint=self.checkpoint,
            ) as volumes:
                volumes.deliver(execute(self._work(image, volumes, plan), plan), result, problem.chunks)
            finished = result.finish()
        if self.checkpoint is not None:
            # what is still on its way to the disk would be lost with the power, and the checkpoint with it
            if callable(flush := getattr(problem.out, "flush", None)):
                flush()
            release_checkpoint(self.checkpoint)
        return finished, plan

    def _open(self, plan: Plan, statistics: Statistics | None) -> tuple[Image, Plan]:
        """The image, and the plan; a smaller one, with a warning, if the device has no room for the image."""
        problem = self.problem
        while True:
            try:
                image = open_image(
                    problem.backend, problem.source, problem.background, plan, statistics, native=problem.native
                )
            except MemoryError as error:
                cause = str(error) or "memory ran out"
            else:
                return image, plan
            plan = self.plans.smaller(plan)
            caution(f"{cause}; starting by a smaller plan: {plan}", ReplanWarning)

    def _weights(self) -> Store | None:
        problem = self.problem
        if problem.weights is None:
            return None
        geometry = problem.geometry
        return HostStore(problem.backend, problem.weights, geometry.image.start, wraps=geometry.wraps)

    def _work(self, image: Image, volumes: WorkingVolumes, plan: Plan) -> Work:
        problem, checkpoint = self.problem, self.checkpoint
        order = Order(problem.chunks, gather=problem.out is None) if checkpoint is None else checkpoint.order
        return Work(
            backend=problem.backend,
            psf=problem.psf,
            image=image.store,
            weights=self._weights(),
            volumes=volumes,
            background=image.background,
            floor=image.floor,
            chunks=order.chunks,
            reporter=Reporter(self.callback, self.cancel, plan.iterations, looking=self.searching),
            checkpoint=checkpoint,
            smaller_plan=self.plans.smaller,
            momentum=self.momentum,
            regularizer=Regularizer(problem.prior, problem.backend, problem.geometry, image.constant),
            gather=order.gather,
            history=self.history,
        )
