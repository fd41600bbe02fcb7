"""Run over all volumes of a file, one after the other, into one output."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rlcore
from rlcore.app.file_request import FileRequest
from rlcore.app.files.destination import check_room, partial_output, remove
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.app.files.output import Mapped, Output, Target, step_of, to_steps
from rlcore.app.files.provenance import fingerprint
from rlcore.app.files.zarr_concurrency import limit_concurrency
from rlcore.app.run_log import RunLog
from rlcore.app.speed import Stopwatch
from rlcore.backend import Backend
from rlcore.errors import Cancelled
from rlcore.execution.checkpoint import open_volume as map_new
from rlcore.execution.progress import Callback, CancelEvent, Progress
from rlcore.optics.otf import one_otf
from rlcore.optics.psf import PSF


@dataclass(frozen=True, slots=True)
class FileProgress(Progress):
    """Progress of a run over several volumes: `fraction`, `elapsed` and `remaining` refer to all of them."""

    volume: int = 1
    """Number of the volume in progress, from 1."""
    volumes: int = 1


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """Result of a run over volumes, besides the output itself."""

    step: float | None
    """Value of one step of an integer output; None for floating point."""
    seconds_per_volume: float | None
    """Time of the iterations of a volume; None if too little could be timed."""
    info: tuple[rlcore.Info, ...]
    """History of each volume restored by this run, in the order of the file; empty unless requested."""


class SeriesRun:
    """A run over the selected volumes of an image.

    A run over several volumes with a checkpoint leaves its partial output next to the output when it stops, and resumes
    from it. Every other run removes its partial output.
    """

    def __init__(
        self,
        request: FileRequest,
        image: Opened,
        psfs: list[PSF],
        backend: Backend[Any],
        target: Target,
        callback: Callback | None,
        cancel: CancelEvent | None,
        *,
        info: bool,
    ) -> None:
        self._request, self._image, self._psfs, self._backend = request, image, psfs, backend
        self._target, self._callback, self._cancel = target, callback, cancel
        self._marks = [fingerprint(psf) for psf in psfs]
        self._places = self._by_psf()
        self._spent = 0.0
        self._wants_info = info or request.settings().ends != "none"
        self._info: dict[Place, rlcore.Info] = {}
        self._seconds: float | None = None

    @property
    def _resumable(self) -> bool:
        """True if the run keeps a run log; a single volume has its own checkpoint instead."""
        return self._request.checkpoint is not None and len(self._places) > 1

    def write(self) -> SeriesResult:
        """Restores all volumes and writes the output.

        Raises
        ------
        Cancelled
            If the run was stopped.
        """
        with partial_output(self._request.output, keep=self._resumable) as partial:
            if self._request.dtype == "float32":
                run_log = self._fill(partial, self._target.create, self._target.reopen)
                step = None
            else:
                with self._real() as path:
                    step, run_log = self._write_integers(partial, path)
        # only now: killed before the output has its name, the run resumes and renames it
        if run_log is not None:
            run_log.remove()
        infos = tuple(self._info[place] for place in self._image.layout.places if place in self._info)
        return SeriesResult(step, self._seconds, infos)

    def _write_integers(self, partial: Path, path: Path) -> tuple[float, RunLog | None]:
        """Writes an integer output by way of a float32 file, as the maximum is known only at the end."""
        layout = self._image.layout
        size = int(np.prod(layout.shape))
        if not path.exists():
            # both files exist side by side during the conversion
            check_room(path.parent, size * (4 + np.dtype(self._request.dtype).itemsize))

        def real(file: Path) -> Output:
            return Mapped(map_new(file, layout.shape, np.dtype(np.float32)), layout, layout.axes)

        run_log = self._fill(path, real, real)
        volumes = real(path)
        step = step_of(volumes, self._places, self._request.dtype)
        out = self._target.with_step(step).create(partial)
        for place in self._places:
            to_steps(volumes.volume(place), step, out.volume(place))
            out.finish(place)
        out.close()
        return step, run_log

    @contextmanager
    def _real(self) -> Iterator[Path]:
        """Names the float32 file; removes it on exit unless a later run is to resume from it."""
        path = self._request.output.with_name(self._request.output.name + ".float32.npy")
        done = False
        try:
            yield path
            done = True
        finally:
            path.with_suffix(".new").unlink(missing_ok=True)
            if done or not self._resumable:
                path.unlink(missing_ok=True)

    def _fill(self, path: Path, create: Any, reopen: Any) -> RunLog | None:
        """Restores every unfinished volume into the file at `path`, and returns the run log if there is one."""
        run_log = self._open_run_log(path)
        finished = run_log.finished if run_log else 0
        if finished == 0:
            remove(path)  # a run killed in its first volume leaves a file with nothing to keep
        out: Output = reopen(path) if finished else create(path)
        if run_log is not None and run_log.plan is None:
            run_log.begin(self._target.plan)
        first = self._places[0]
        within = limit_concurrency(self._target.plan.memory_bytes, self._image.volume(first), out.volume(first))
        # consecutive volumes with one PSF share one OTF on the device
        with one_otf(), within:
            for number in range(finished, len(self._places)):
                self._restore(number, finished, out, run_log)
                if run_log is not None:
                    run_log.reach(number + 1)
        out.close()
        return run_log

    def _by_psf(self) -> list[Place]:
        """Returns the volumes sorted by PSF, so that each OTF is computed once."""
        return sorted(self._image.layout.places, key=lambda place: self._marks.index(self._marks[place.channel]))

    def _open_run_log(self, growing: Path) -> RunLog | None:
        if not self._resumable:
            return None
        assert self._request.checkpoint is not None
        return RunLog(self._request.checkpoint, self._identity(), growing)

    def _identity(self) -> dict[str, Any]:
        """Returns everything that a resumed run must agree in. The image is identified by size and time of its file."""
        request, layout, plan = self._request, self._image.layout, self._target.plan
        # hashing all voxels would take as long as reading them; a Zarr folder has no size, its metadata file has
        file = request.image / "zarr.json" if request.image.is_dir() else request.image
        stat = file.stat() if file.exists() else request.image.stat()
        said = f"{layout} {self._image.dtype} {stat.st_size} {stat.st_mtime_ns}"
        return {
            "image": hashlib.sha256(said.encode()).hexdigest(),
            "psf": self._marks,
            "order": [(place.time, place.channel) for place in self._places],
            "iterations": request.iterations,
            "acceleration": request.acceleration,
            "regularization": asdict(request.settings().prior),
            "stop": [request.stop, request.threshold],
            "gain": request.gain,
            "start": request.start,
            "boundary": request.boundary,
            "background": request.background,
            "tolerance": request.settings().error,
            "dtype": request.dtype,
            "output": request.output.name,
            "backend": self._backend.name,
            "device": self._backend.device,
            "psf shape": plan.geometry.psf_shape,
        }

    def _restore(self, number: int, before: int, out: Output, run_log: RunLog | None) -> None:
        request, place, plan = self._request, self._places[number], self._target.plan
        settings = request.settings()
        watch = Stopwatch(self._reporter(number, before))
        checkpoint = run_log.volume if run_log else request.checkpoint
        try:
            result = rlcore.deconvolve(
                self._image.volume(place),
                self._psfs[place.channel],
                iterations=request.iterations,
                acceleration=plan.acceleration,
                regularization=plan.regularization,
                tv_weight=request.tv_weight,
                seed=request.seed,
                stop=settings.stop,
                threshold=settings.threshold,
                gain=settings.gain,
                start=request.start,
                backend=self._backend,
                boundary=plan.geometry.boundary,
                background=request.background,
                memory=request.memory,
                # a checkpoint of one volume has its own plan, which the library reads from it
                plan=plan if run_log is not None or checkpoint is None else None,
                exchange=not request.independent,
                tolerance=request.tolerance,
                out=out.volume(place),
                callback=watch,
                cancel=self._cancel,
                checkpoint=checkpoint,
                return_info=self._wants_info,
            )
        except Cancelled as stopped:
            if len(self._places) == 1:
                raise  # the message needs no number of the volume
            raise Cancelled(f"{stopped} on volume {number + 1} of {len(self._places)}") from stopped
        if self._wants_info:
            self._info[place] = result[1]
        out.finish(place)
        self._seconds = watch.seconds_per_run or self._seconds
        self._spent += watch.elapsed

    def _reporter(self, number: int, before: int) -> Callback | None:
        """Wraps the callback, so that it receives the progress of one volume as part of the whole file."""
        callback, volumes = self._callback, len(self._places)
        if callback is None or volumes == 1:
            return callback
        spent = self._spent

        def report(progress: Progress) -> object:
            fraction = (number + progress.fraction) / volumes
            elapsed = spent + progress.elapsed
            share = fraction - before / volumes  # volumes of an earlier run took none of this run's time
            remaining = elapsed / share * (1 - fraction) if share > 0 else progress.remaining
            known = {name: getattr(progress, name) for name in Progress.__dataclass_fields__}
            known |= {"fraction": fraction, "elapsed": elapsed, "remaining": remaining}
            return callback(FileProgress(**known, volume=number + 1, volumes=volumes))

        return report
