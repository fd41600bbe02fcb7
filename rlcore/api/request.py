"""The request: the caller's arguments, checked and brought into order before anything runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np

from rlcore.algorithm.boundary import Geometry
from rlcore.api.camera import Seen, with_camera
from rlcore.api.camera_options import CameraOptions, without_mask
from rlcore.api.doubts import swapped
from rlcore.api.settings import Settings
from rlcore.backend import Backend, Interchange, overrides
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.discovery.containment import contain
from rlcore.backend.discovery.registry import installed, load_backend
from rlcore.backend.discovery.selection import choose_backend
from rlcore.errors import InputError, caution
from rlcore.execution.checkpoint import Checkpoint
from rlcore.execution.engine import ReplanWarning
from rlcore.execution.run import Problem
from rlcore.execution.volumes.arguments import check_out, is_foreign, share_memory
from rlcore.execution.volumes.image import ImageWarning
from rlcore.execution.volumes.initial_estimate import InitialEstimate
from rlcore.execution.volumes.statistics import Statistics, check_image, digest_of
from rlcore.optics.psf import PSF, prepare_psf
from rlcore.planner import Job, Plan
from rlcore.planner.within_memory import PlanMaker


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A problem, and the caller's settings for solving it."""

    problem: Problem
    settings: Settings
    camera: CameraOptions
    checkpoint: Path | None
    found: int | None = None
    """Iterations that "auto" has found."""

    @classmethod
    def of(
        cls,
        image: Any,
        psf: Any,
        settings: Settings,
        *,
        backend: str | Backend[Any],
        device: str | int | None = None,
        start: Any = "constant",
        camera: Mapping[str, Any] | None = None,
        out: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Request:
        """Check everything, in the order in which a user would want to know of mistakes.

        `camera` holds what the caller said of it, by the names of `CameraOptions`.
        """
        image, masked = without_mask(image)
        check_image(image)
        shape = tuple(map(int, image.shape))
        options = CameraOptions.of(shape, **(camera or {}), masked=masked)
        given = psf.values if isinstance(psf, PSF) else psf
        if isinstance(given, np.ndarray) and (doubt := swapped(image, given)) is not None:
            caution(doubt, ImageWarning)
        prepared = prepare_psf(psf, ndim=len(shape))
        geometry = Geometry(shape, prepared.values.shape, prepared.centre, settings.boundary)
        prepared, geometry = _trim(prepared, geometry)
        check_out(out, shape)
        engine, native = _engine_for(image, backend, device)
        read = [image] if isinstance(start, str) else [image, start]
        shared = [] if out is None else [share_memory(out, each) for each in read]
        problem = Problem(
            image=image,
            psf=prepared,
            geometry=geometry,
            backend=contain(engine),
            native=native,
            background=0.0,
            acceleration=settings.acceleration,
            prior=settings.prior,
            start=InitialEstimate.of(start, shape, digest=checkpoint is not None),
            out=out,
            overlaps=any(each is not False for each in shared),  # what nobody can tell of may be the same
        )
        if any(shared) and checkpoint is not None:
            raise InputError(
                "out shares its memory with the image or the start, which a run that goes on from a checkpoint reads "
                "again; give another out, or leave the checkpoint out"
            )
        return cls(problem, settings, options, None if checkpoint is None else Path(checkpoint))

    def with_camera(self) -> tuple[Request, Seen]:
        """The request without what the camera has added to its image, and what was found of the camera."""
        problem, seen = with_camera(self.problem, self.camera, looks=self.settings.auto or self.settings.prior.waits)
        return replace(self, problem=problem), seen

    def of_iterations(self, number: int) -> Request:
        """The request for a number of iterations that "auto" has found."""
        return replace(self, found=number)

    @property
    def plans(self) -> PlanMaker:
        """Makes the plans of this request."""
        problem, settings = self.problem, self.settings
        job = Job(
            problem.geometry,
            self.found or settings.maximum_iterations,
            result_in_memory=problem.out is None,
            result_overlaps=problem.overlaps,
            lazy_image=not isinstance(problem.image, np.ndarray) and not problem.native,
            checkpoint=self.checkpoint is not None,
            acceleration=settings.acceleration,
            regularization=settings.prior.name,
            stop=settings.stop,
            weighted=problem.weights is not None,
        )
        return PlanMaker(job, problem.backend, settings.memory, settings.error)

    @property
    def scratch(self) -> Path:
        """The folder for working volumes in files: the checkpoint's, or else `result_folder`."""
        return self.result_folder if self.checkpoint is None else self.checkpoint

    @property
    def result_folder(self) -> Path:
        """The folder of the result if that is a file, or the system's for temporary files."""
        file = getattr(self.problem.out, "filename", None)
        return Path(file).parent if file else Path(tempfile.gettempdir())

    def open_checkpoint(self, statistics: Statistics | None) -> Checkpoint | None:
        """The checkpoint, new or of an earlier part of this run, to be closed after use; None if there is to be none.

        `statistics` are the image's, with its digest.

        Raises
        ------
        CheckpointError
            If the checkpoint is of another run, in use, or damaged.
        """
        if self.checkpoint is None or statistics is None:
            return None
        return Checkpoint(self.checkpoint, self._identity(statistics.digest))

    def plan_for(self, plan: Plan | None, state: Checkpoint | None) -> Plan:
        """The plan to follow: that of the checkpoint, or `plan`, which is the caller's, or a new one.

        Raises
        ------
        InputError
            If the caller's plan was made for another run.
        """
        resumed = state.plan if state else None
        job = self.plans.job
        if plan is not None and not resumed and job.weighted and not plan.weighted:
            self._check_plan(plan, job)
            plan = self.plans.best()
            caution(f"plan does not count data weights; going by another: {plan}", ReplanWarning)
        # another plan would take the blocks that are done for its own
        chosen = resumed or plan or self.plans.best()
        if self.found is not None and plan is chosen:  # made before the number was known
            chosen = chosen.shortened(self.found)
        self._check_plan(chosen, job)
        if plan is not None and self.problem.overlaps and not plan.is_whole:  # which its maker did not know of
            waiting = self.problem.geometry.image.size * self.problem.backend.facts.dtype.itemsize
            chosen = replace(plan, scratch_bytes=plan.scratch_bytes + waiting)
        return chosen

    def _check_plan(self, plan: Plan, job: Job) -> None:
        self.settings.check_exchanges(plan)
        ours = {
            "geometry": job.geometry,
            "iterations": job.iterations,
            "backend": self.problem.backend.name,
            "acceleration": job.acceleration,
            "regularization": job.regularization,
            "stop": job.stop,
        }
        if other := [f"{key} {getattr(plan, key)!r}" for key, value in ours.items() if getattr(plan, key) != value]:
            raise InputError(f"plan is for {other[0]}, not {ours[other[0].split()[0]]!r}; make one for this run")

    def _identity(self, digest: str) -> dict[str, Any]:
        """The properties in which a run and its continuation from a checkpoint must agree; `digest` is the image's."""
        problem, settings = self.problem, self.settings
        return {
            "image": digest,
            "psf": digest_of(problem.psf.values),
            "geometry": asdict(problem.geometry),
            "iterations": settings.iterations,
            "stop": [settings.stop, settings.threshold],
            **self.camera.identity,
            "start": problem.start.identity,
            "tolerance": settings.error,
            "acceleration": settings.acceleration,
            "regularization": asdict(settings.prior),
            "backend": problem.backend.name,
            "device": problem.backend.device,
            "dtype": problem.backend.facts.dtype.name,
        }


def _engine_for(image: Any, backend: str | Backend[Any], device: str | int | None) -> tuple[Backend[Any], bool]:
    """The backend, and True if the image is an array of its library."""
    if not is_foreign(image):
        return choose_backend(backend, device).backend, False
    if backend == "auto":
        return _engine_of(image), True
    engine = choose_backend(backend, device).backend
    if isinstance(engine, Interchange):
        return engine, engine.takes(image)
    library = array_api_compat.array_namespace(image).__name__
    return engine, overrides(engine, "cut", "paste") and engine.name in library


def _engine_of(image: Any) -> Backend[Any]:
    """The backend that is made for the image's library if one is installed; else any array library's."""
    names = {entry.name for entry in installed()}
    place = array_api_compat.device(image)
    if array_api_compat.is_cupy_array(image) and "cupy" in names:
        return load_backend("cupy", image.device.id)
    if array_api_compat.is_torch_array(image) and "torch" in names:
        return load_backend("torch", str(place))
    on_cpu = "cpu" in str(place).lower()
    return ArrayAPIBackend(array_api_compat.array_namespace(image), place, on_host=on_cpu)


def _trim(psf: PSF, geometry: Geometry) -> tuple[PSF, Geometry]:
    """Leave out the parts of a PSF that connect no two voxels of the image, where nothing lies outside the image."""
    trimmed = geometry.trimmed()
    if trimmed == geometry:
        return psf, geometry
    first = tuple(c - t for c, t in zip(geometry.centre, trimmed.centre, strict=True))
    part = tuple(slice(a, a + p) for a, p in zip(first, trimmed.psf_shape, strict=True))
    return replace(psf, values=psf.values[part], centre=trimmed.centre), trimmed
