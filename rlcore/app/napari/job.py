"""Job of the restoration widget: described as a plan, and run with progress reports. Independent of Qt."""

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
from rlcore.optics.psf import PSF, prepare_psf, without_leading_axes
from rlcore.optics.resample import resample_psf

FILE_AXES = "PSF axes"
"""Label of the control for `Job.psf_axes`, which messages name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """Image, PSF and options of one run."""

    image: Any
    """Array with at least as many axes as the PSF; entries along the leading axes are restored separately."""
    psf: Any
    """PSF as an array, or the path of its file."""
    voxel: tuple[float, ...] | None = None
    psf_voxel: tuple[float, ...] | None = None
    """Voxel sizes of the image and of a PSF array, in micrometres along the last axes; None if unknown."""
    psf_axes: str = ""
    """Letters of the axes of a PSF file, as "ZYX"; empty to take them from the file."""
    mend: bool = True
    """True if a pedestal of the PSF is subtracted, and its peak centred."""
    iterations: Iterations = 15
    regularization: Regularization = "none"
    runs_on: DeviceChoice = AUTO
    boundary: str = "extended"
    background: float = 0.0
    memory: str = ""
    """Memory limit, as "4 GiB"; empty for the free memory."""
    keep_type: bool = False
    """True if the result has the image's type instead of float32."""
    doubts: tuple[str, ...] = ()
    """Sentences about layers whose voxel size is not believed, shown with the plan and the result."""

    @property
    def options(self) -> dict[str, Any]:
        """Options common to `rlcore.deconvolve` and `rlcore.make_plan`."""
        return {
            "iterations": self.iterations,
            "regularization": self.regularization,
            "boundary": check_boundary(self.boundary),
            "memory": self.memory.strip() or None,
        }

    def prepare(self) -> PSF:
        """Prepares the PSF and resamples it to the image's voxels; its notes list the changes.

        Raises
        ------
        InputError
            If the PSF cannot be read or used, or has more axes than the image.
        """
        values, voxel = self._psf_and_voxel()
        axes = len(self.image.shape)
        if axes < 3:  # a psf of one plane may have further axes of one entry
            values = without_leading_axes(values, axes)
        psf = prepare_mended(values)[0] if self.mend else prepare_psf(values)
        if psf.values.ndim > axes:
            raise InputError(
                f"psf has {psf.values.ndim} axes but the image has {axes}; choose a psf of one plane, or the "
                "whole stack as the image"
            )
        voxel = voxel[-psf.values.ndim :] if voxel else None
        ours = self.voxel[-psf.values.ndim :] if self.voxel else None
        if voxel is None or ours is None or np.allclose(voxel, ours, rtol=0.01, atol=0):
            return psf
        return resample_psf(psf, voxel, ours, within=self.image.shape[-psf.values.ndim :])

    def _psf_and_voxel(self) -> tuple[Volume, files.Scale]:
        if isinstance(self.psf, Path):
            return files.read(self.psf, self.psf_axes.strip() or None, option=FILE_AXES)
        return np.asarray(self.psf), self.psf_voxel

    def volumes(self, psf: PSF) -> list[tuple[int, ...]]:
        """Returns the indices of all volumes along the leading axes of the image."""
        return list(np.ndindex(*self.image.shape[: len(self.image.shape) - psf.values.ndim]))


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a run, as a fraction and as text."""

    fraction: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Result of a run."""

    volume: Volume
    text: str
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason why a run has no result."""

    sentence: str
    cancelled: bool = False


def describe(job: Job) -> str:
    """Describes the plan of a job with its memory and time, or the reason why there is none."""
    try:
        psf = job.prepare()
        backend = choose_backend(job.runs_on.backend, job.runs_on.device).backend
        plan = make_plan(job.image.shape[-psf.values.ndim :], psf.values.shape, backend=backend, **job.options)
        count = len(job.volumes(psf))
        took = _takes(job, speed.predict(backend, plan), count)
    except (RLCoreError, MemoryError) as error:
        return str(error)
    each = "volumes" if psf.values.ndim == 3 else "planes, as the PSF is a plane"
    several = f"{count} {each}, one after the other. Each: " if count > 1 else ""
    notes = f" PSF: {'; '.join(psf.notes)}." if psf.notes else ""
    return " ".join([f"{several}{plan} {took}{notes}", *job.doubts])


def _takes(job: Job, seconds: float | None, count: int) -> str:
    """Describes the predicted time for all volumes."""
    if job.iterations == "auto":
        return "This is for the maximum number of iterations; the run determines how many it takes."
    return "Time unknown until it has run here." if seconds is None else f"About {speed.duration(seconds * count)}."


def run(job: Job, cancel: threading.Event) -> Iterator[Step | Result | Failure]:
    """Runs a job in a thread, yielding a `Step` for each iteration, then a `Result` or a `Failure`.

    If `cancel` is set, or the generator is closed, the run stops within one iteration.
    """
    messages: queue.SimpleQueue[Step | Result | Failure] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_restore, job, cancel, messages)
        try:
            while True:
                message = messages.get()
                yield message
                if not isinstance(message, Step):
                    return
        finally:
            cancel.set()  # leaving the pool's context waits for the thread, which must not run to its end


def _restore(job: Job, cancel: threading.Event, messages: queue.SimpleQueue[Step | Result | Failure]) -> None:
    try:
        messages.put(_whole(job, cancel, messages))
    except Cancelled as stopped:
        messages.put(Failure(str(stopped), cancelled=True))
    except (RLCoreError, MemoryError) as error:
        messages.put(Failure(str(error) or "memory ran out; give a smaller memory"))
    except Exception as error:  # noqa: BLE001 - boundary of the thread: reported, else the window waits for ever
        messages.put(Failure(f"{type(error).__name__}: {error}"))


def _whole(job: Job, cancel: threading.Event, messages: queue.SimpleQueue[Step | Result | Failure]) -> Result:
    psf = job.prepare()
    backend = choose_backend(job.runs_on.backend, job.runs_on.device).backend
    places = job.volumes(psf)
    out, infos, finds = np.empty(job.image.shape, np.float32), [], job.iterations == "auto"
    for number, place in enumerate(places):
        watch = speed.Stopwatch(_reporter(messages, number, len(places)))
        volume = np.asarray(job.image[place])  # layers may be lazy, such as dask arrays: read one volume at a time
        result = deconvolve(
            volume, psf, backend=backend, background=job.background, out=out[place], callback=watch, cancel=cancel,
            return_info=finds, **job.options,
        )  # fmt: skip
        if finds:
            infos.append(result[1])
    # a run that determines its iterations cannot be compared with the time that a plan predicts
    if watch.seconds_per_run and not finds:
        plan = make_plan(volume.shape, psf.values.shape, backend=backend, **job.options)
        speed.remember(backend, plan, watch.seconds_per_run)
    made = {**job.options, "background": job.background, "backend": backend.name, "device": backend.device}
    made["psf"] = list(psf.notes)
    if finds:
        made["found"] = [info.iterations for info in infos]
    volumes = _as_type(out, np.dtype(job.image.dtype)) if job.keep_type else out
    count = describe_found(infos) if finds else f"{job.iterations} iterations"
    text = f"{count} on {backend.name} ({backend.device})"
    return Result(volumes, ". ".join([text, *job.doubts]), made)


def _reporter(messages: queue.SimpleQueue[Step | Result | Failure], number: int, count: int) -> Callback:
    """Returns a callback that reports the steps of one of `count` volumes."""
    several = f"volume {number + 1}/{count}, " if count > 1 else ""

    def report(progress: Progress) -> None:
        text = f"iteration {progress.iteration}/{progress.iterations}"
        if progress.looking:
            text = f"searching the number of iterations: {progress.iteration} of at most {progress.iterations}"
        messages.put(Step((number + progress.fraction) / count, several + text))

    return report


def _as_type(volume: Volume, dtype: np.dtype[Any]) -> Volume:
    """Rounds and clips a volume to an integer type; other types are converted."""
    if dtype.kind not in "iu":
        return volume.astype(dtype)
    limits = np.iinfo(dtype)
    # the largest 64-bit integer is no float64 and would round up beyond the type; the float64 below it is the limit
    made: Volume = np.clip(
        np.rint(volume, dtype=np.float64), limits.min, math.nextafter(float(limits.max) + 1, 0)
    ).astype(dtype)
    return made
