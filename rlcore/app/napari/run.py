"""Run of a job in a thread of its own, with progress reports. Independent of Qt."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.api.deconvolve import deconvolve
from rlcore.api.make_plan import make_plan
from rlcore.app import speed
from rlcore.app.napari.camera import FoundCamera, find_camera
from rlcore.app.napari.job import Job
from rlcore.app.run_summary import describe_found
from rlcore.backend import Backend, Volume
from rlcore.backend.discovery.selection import choose_backend
from rlcore.errors import Cancelled, InputError, RLCoreError
from rlcore.execution.history import Info
from rlcore.execution.progress import Callback, Progress


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
    out, infos = np.empty(job.image.shape, np.float32), []
    options, camera = dict(job.options), None
    for number, place in enumerate(places):
        watch = speed.Stopwatch(_reporter(messages, number, len(places)))
        volume = np.asarray(job.image[place])  # layers may be lazy, such as dask arrays: read one volume at a time
        camera = camera or find_camera(volume, psf, job.camera, job.options, backend)
        _, info = deconvolve(
            volume, psf, backend=backend, out=out[place], callback=watch, cancel=cancel, return_info=True,
            **{**job.camera.options(volume.shape), **camera.options(volume)}, **options,
        )  # fmt: skip
        infos.append(info)
        options["iterations"] = info.iterations  # one number for a series, found on its first volume
    if camera is None:
        raise InputError(f"image of shape {tuple(job.image.shape)} has no volume")
    # a run that determines its iterations cannot be compared with the time that a plan predicts
    if watch.seconds_per_run and job.iterations != "auto":
        plan = make_plan(volume.shape, psf.values.shape, backend=backend, **job.options)
        speed.remember(backend, plan, watch.seconds_per_run)
    made = {**job.options, "backend": backend.name, "device": backend.device, "psf": list(psf.notes)}
    made |= camera.to_dict() | {"background": [info.background for info in infos]}
    if job.iterations == "auto":
        made |= {"found": infos[0].iterations, "stopped": infos[0].stopped}
    volumes = _as_type(out, np.dtype(job.image.dtype)) if job.keep_type else out
    return Result(volumes, _say(job, backend, camera, infos), made)


def _say(job: Job, backend: Backend[Any], camera: FoundCamera, infos: list[Info]) -> str:
    """Describes a finished run: where, how many iterations, and what was found of the camera."""
    count = f"{job.iterations} iterations" if job.iterations != "auto" else describe_found(infos[:1])
    said = [f"{count}{' of each volume' if len(infos) > 1 else ''} on {backend.name} ({backend.device})"]
    said += camera.sentences
    if job.camera.options(job.image.shape)["background"] == "auto":
        lights = sorted(info.background for info in infos)
        found = " to ".join(f"{light:.4g}" for light in dict.fromkeys((lights[0], lights[-1])))
        said.append(f"Background {found} above the offset")
    return ". ".join([*said, *job.doubts])


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
