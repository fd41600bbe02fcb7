"""One run as the widget asks for it: planned in words, run in steps that report their progress; knows nothing of Qt."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.algorithm.boundary import check_boundary
from rlcore.algorithm.regularization import Regularization
from rlcore.algorithm.stopping import Iterations
from rlcore.api.deconvolve import deconvolve
from rlcore.api.make_plan import make_plan
from rlcore.app import speed
from rlcore.app.napari.devices import AUTO, DeviceChoice
from rlcore.app.psf import files
from rlcore.app.psf.preparing import prepare_mended
from rlcore.app.run_summary import describe_found
from rlcore.backend import Volume
from rlcore.backend.discovery.selection import choose_backend
from rlcore.errors import Cancelled, InputError, RLCoreError
from rlcore.execution.progress import Callback, Progress
from rlcore.optics.psf import PSF, prepare_psf
from rlcore.optics.resample import resample_psf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """What is to be restored, and how."""

    image: Any
    """With as many axes as the PSF, or more: each entry of those before is restored by itself."""
    psf: Any
    """An array, or the path of a file."""
    voxel: tuple[float, ...] | None = None
    psf_voxel: tuple[float, ...] | None = None
    """Micrometres along the last axes of the image, and of a PSF that is an array, where known."""
    mend: bool = True
    """Whether a pedestal is taken off the PSF, and its peak put in the middle."""
    iterations: Iterations = 15
    regularization: Regularization = "none"
    runs_on: DeviceChoice = AUTO
    boundary: str = "extended"
    background: float = 0.0
    memory: str = ""
    """As "4 GiB"; empty for what is free."""
    keep_type: bool = False
    """Whether the result is of the image's type instead of float32."""

    @property
    def options(self) -> dict[str, Any]:
        """As `rlcore.deconvolve` and `rlcore.make_plan` have them."""
        return {
            "iterations": self.iterations,
            "regularization": self.regularization,
            "boundary": check_boundary(self.boundary),
            "memory": self.memory.strip() or None,
        }

    def prepare(self) -> PSF:
        """The PSF, from the layer or the file, on axes and voxels that the image has; its notes say what was done."""
        values, voxel = files.read(self.psf) if isinstance(self.psf, Path) else (np.asarray(self.psf), self.psf_voxel)
        psf = prepare_mended(values)[0] if self.mend else prepare_psf(values)
        if psf.values.ndim > len(self.image.shape):
            raise InputError(
                f"psf has {psf.values.ndim} axes but the image has {len(self.image.shape)}; choose another"
            )
        ours = self.voxel[-psf.values.ndim :] if self.voxel else None
        if voxel is None or ours is None or np.allclose(voxel, ours, rtol=0.01, atol=0):
            return psf
        return resample_psf(psf, voxel, ours)

    def volumes(self, psf: PSF) -> list[tuple[int, ...]]:
        """Indices of all volumes."""
        return list(np.ndindex(*self.image.shape[: len(self.image.shape) - psf.values.ndim]))


@dataclass(frozen=True, slots=True)
class Step:
    """How far the run is, and in words."""

    fraction: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What came of a run."""

    volume: Volume
    text: str
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing did."""

    sentence: str
    cancelled: bool = False


def describe(job: Job) -> str:
    """The plan in words, or why there is none: what it needs and how long it takes."""
    try:
        psf = job.prepare()
        backend = choose_backend(job.runs_on.backend, job.runs_on.device).backend
        plan = make_plan(job.image.shape[-psf.values.ndim :], psf.values.shape, backend=backend, **job.options)
        count = len(job.volumes(psf))
        took = _takes(job, speed.predict(backend, plan), count)
    except (RLCoreError, MemoryError) as error:
        return str(error)
    several = f"{count} volumes, one after the other. Each: " if count > 1 else ""
    notes = f" PSF: {'; '.join(psf.notes)}." if psf.notes else ""
    return f"{several}{plan} {took}{notes}"


def _takes(job: Job, seconds: float | None, count: int) -> str:
    """How long so many volumes take, in words."""
    if job.iterations == "auto":
        return "That is for the most iterations; how many it takes, the run finds out."
    return "Time unknown until it has run here." if seconds is None else f"About {speed.duration(seconds * count)}."


def run(job: Job, cancel: threading.Event) -> Iterator[Step | Result | Failure]:
    """Restore in a thread of its own; yields a `Step` an iteration, then the `Result`, or the `Failure`.

    When `cancel` is set, or the generator is closed, the run stops within one iteration.
    """
    messages: queue.SimpleQueue[Step | Result | Failure] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_restore, job, cancel, messages)
        try:
            while True:
                said = messages.get()
                yield said
                if not isinstance(said, Step):
                    return
        finally:
            cancel.set()


def _restore(job: Job, cancel: threading.Event, messages: queue.SimpleQueue[Step | Result | Failure]) -> None:
    try:
        messages.put(_whole(job, cancel, messages))
    except Cancelled as stopped:
        messages.put(Failure(str(stopped), cancelled=True))
    except (RLCoreError, MemoryError) as error:
        messages.put(Failure(str(error) or "memory ran out; give a smaller memory"))
    except Exception as error:  # noqa: BLE001 - the boundary of the thread: messages, so that no window waits for ever
        messages.put(Failure(f"{type(error).__name__}: {error}"))


def _whole(job: Job, cancel: threading.Event, messages: queue.SimpleQueue[Step | Result | Failure]) -> Result:
    psf = job.prepare()
    backend = choose_backend(job.runs_on.backend, job.runs_on.device).backend
    places = job.volumes(psf)
    out, infos, finds = np.empty(job.image.shape, np.float32), [], job.iterations == "auto"
    for number, place in enumerate(places):
        watch = speed.Stopwatch(_reporter(messages, number, len(places)))
        volume = np.asarray(job.image[place])
        result = deconvolve(
            volume, psf, backend=backend, background=job.background, out=out[place], callback=watch, cancel=cancel,
            return_info=finds, **job.options,
        )  # fmt: skip
        if finds:
            infos.append(result[1])
    if watch.seconds_per_run and not finds:
        plan = make_plan(volume.shape, psf.values.shape, backend=backend, **job.options)
        speed.remember(backend, plan, watch.seconds_per_run)
    made = {**job.options, "background": job.background, "backend": backend.name, "device": backend.device}
    made["psf"] = list(psf.notes)
    if finds:
        made["found"] = [info.iterations for info in infos]
    volumes = _as_type(out, np.dtype(job.image.dtype)) if job.keep_type else out
    count = describe_found(infos) if finds else f"{job.iterations} iterations"
    return Result(volumes, f"{count} on {backend.name} ({backend.device})", made)


def _reporter(messages: queue.SimpleQueue[Step | Result | Failure], number: int, count: int) -> Callback:
    """Tells the steps of one volume among so many."""
    several = f"volume {number + 1}/{count}, " if count > 1 else ""

    def report(progress: Progress) -> None:
        text = f"iteration {progress.iteration}/{progress.iterations}"
        if progress.looking:
            text = f"looking how many: iteration {progress.iteration} of at most {progress.iterations}"
        messages.put(Step((number + progress.fraction) / count, several + text))

    return report


def _as_type(volume: Volume, dtype: np.dtype[Any]) -> Volume:
    """The nearest values that the type has."""
    if dtype.kind not in "iu":
        return volume.astype(dtype)
    limits = np.iinfo(dtype)
    made: Volume = np.clip(
        np.rint(volume, dtype=np.float64), limits.min, math.nextafter(float(limits.max) + 1, 0)
    ).astype(dtype)
    return made
