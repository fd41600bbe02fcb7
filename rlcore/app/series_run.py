"""Run over all volumes of a file, one after the other, into one output."""

from __future__ import annotations

import errno
import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rlcore
from rlcore.app.file_request import FileRequest
from rlcore.app.files.destination import check_room, hold_space
from rlcore.app.files.layout import Place
from rlcore.app.files.left_overs import remove
from rlcore.app.files.opening import Opened
from rlcore.app.files.output import Mapped, Output, Target, step_of, to_steps
from rlcore.app.files.provenance import fingerprint
from rlcore.app.files.work_folder import WorkFolder
from rlcore.app.files.zarr_concurrency import limit_concurrency
from rlcore.app.run_log import RunLog, is_output_of
from rlcore.app.speed import Stopwatch
from rlcore.backend import Backend
from rlcore.errors import Cancelled, CheckpointError, InputError, OutputError
from rlcore.execution.checkpoint import open_volume as map_new
from rlcore.execution.kept_checkpoints import keep_checkpoints
from rlcore.execution.lock import unlock
from rlcore.execution.progress import Callback, CancelEvent, Progress
from rlcore.optics.otf import one_otf
from rlcore.optics.psf import PSF

_REPORT = 4 << 20
"""Bytes of a report, generously."""


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

    With a checkpoint, a run that stops after a volume leaves its work folder, and resumes from it. Every other run
    removes its work folder.
    """

    def __init__(
        self,
        request: FileRequest,
        image: Opened,
        psfs: list[PSF],
        backend: Backend[Any],
        target: Target,
        work: WorkFolder,
        callback: Callback | None,
        cancel: CancelEvent | None,
        *,
        info: bool,
    ) -> None:
        self._request, self._image, self._psfs, self._backend = request, image, psfs, backend
        self._target, self._work, self._callback, self._cancel = target, work, callback, cancel
        self._marks = [fingerprint(psf) for psf in psfs]
        self._places = self._by_psf()
        self._spent = 0.0
        self._wants_info = info or request.settings().ends != "none"
        self._info: dict[Place, rlcore.Info] = {}
        self._seconds: float | None = None

    def write(self) -> SeriesResult:
        """Restores all volumes and writes the output.

        Raises
        ------
        Cancelled
            If the run was stopped.
        OutputError
            If the output cannot be completed.
        """
        run_log = self._open_run_log()
        try:
            step = self._complete(run_log)
        except OSError as error:
            raise self._unfinished(error) from error
        finally:
            if run_log is not None:
                # a file without a finished volume has nothing to keep
                self._work.keep = run_log.finished > 0
                run_log.close()
        if run_log is not None:
            # only now: killed before the output has its name, the run resumes and renames it
            run_log.remove()
            self._work.keep = False
        infos = tuple(self._info[place] for place in self._image.layout.places if place in self._info)
        return SeriesResult(step, self._seconds, infos)

    def _complete(self, run_log: RunLog | None) -> float | None:
        """Writes the output and gives it its name, unless an earlier part of the run has done so."""
        output, work = self._work.output, self._work
        if run_log is not None and is_output_of(run_log.folder, output):
            return run_log.step
        step = None
        if self._request.dtype == "float32":
            self._fill(work.result, self._target.create, self._target.reopen, run_log)
        else:
            step = self._write_integers(run_log)
        if run_log is not None:
            run_log.complete(work.result, step)
        work.publish(force=self._request.force)
        return step

    def _unfinished(self, error: OSError) -> OutputError:
        """Describes a failure of the disk in the middle of a run, with what is to be done."""
        file = f" at {error.filename!r}" if error.filename else ""
        name, checkpoint = repr(str(self._request.output)), self._request.checkpoint
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "free some space" if full else "see to it"
        again = "" if checkpoint is None else f" and resume from {str(checkpoint)!r} by the same command"
        return OutputError(f"output {name} cannot be finished: {error.strerror or error}{file}; {remedy}{again}")

    def _write_integers(self, run_log: RunLog | None) -> float:
        """Writes an integer output by way of a float32 file, as the maximum is known only at the end."""
        layout, work = self._image.layout, self._work

        def real(file: Path) -> Output:
            return Mapped(file, map_new(file, layout.shape, np.dtype(np.float32)), layout, layout.axes)

        remove(work.result)  # of an earlier part of the run, which stopped while it wrote integers
        # both files exist side by side in the end; room for the second is held until then
        self._fill(work.real, real, real, run_log, hold=self._target.disk)
        volumes = real(work.real)
        step = step_of(volumes, self._places, self._request.dtype)
        remove(work.reserved)
        try:
            out = self._target.with_step(step).create(work.result)
        except InputError as error:
            raise OutputError(str(error)) from error  # not refused before the run, but failed after it
        for place in self._places:
            to_steps(volumes.volume(place), step, out.volume(place))
            out.finish(place)
        out.close()
        return step

    def _fill(self, path: Path, create: Any, reopen: Any, run_log: RunLog | None, *, hold: int = 0) -> None:
        """Restores every unfinished volume into the file at `path`; meanwhile holds disk space for another file."""
        finished = run_log.finished if run_log else 0
        if finished == 0:
            remove(path)  # a run killed in its first volume leaves a file with nothing to keep
            self._check_room(hold)
        elif run_log is not None:
            _check_growing(path, run_log)
        if hold:
            hold_space(self._work.reserved, hold)
        out: Output = reopen(path) if finished else create(path)
        if run_log is not None and finished == 0:
            run_log.begin(run_log.plan or self._target.plan, None if path.is_dir() else path.stat().st_size)
        first = self._places[0]
        within = limit_concurrency(self._target.plan.memory_bytes, self._image.volume(first), out.volume(first))
        # consecutive volumes with one PSF share one OTF on the device
        with one_otf(), within:
            for number in range(finished, len(self._places)):
                self._restore(number, finished, out, run_log)
        out.close()

    def _check_room(self, hold: int) -> None:
        """Raises InputError if not everything that the run will write fits on the disk of the output."""
        target, folder = self._target, self._work.output.parent
        # float32 beside the integers, or the result alone
        needed = hold + 4 * math.prod(target.layout.shape) if hold else target.disk
        checkpoint = self._request.checkpoint
        # scratch files lie in the work folder; a checkpoint may be on another disk
        if checkpoint is None or checkpoint.stat().st_dev == folder.stat().st_dev:
            needed += target.plan.scratch_bytes
        if self._request.report is not None:
            needed += _REPORT
        check_room(folder, needed)

    def _by_psf(self) -> list[Place]:
        """Returns the volumes sorted by PSF, so that each OTF is computed once."""
        return sorted(self._image.layout.places, key=lambda place: self._marks.index(self._marks[place.channel]))

    def _open_run_log(self) -> RunLog | None:
        request = self._request
        if request.checkpoint is None:
            return None
        run_log = RunLog(request.checkpoint, self._work.owner, self._identity(), force_unlock=request.force_unlock)
        try:
            self._work.belong_to(request.checkpoint, run_log.run)
        except BaseException:
            run_log.close()
            raise
        return run_log

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
        checkpoint = run_log.volume(number) if run_log else None
        # a volume that is resumed has its own plan, which the library reads from its checkpoint
        resumed = checkpoint is not None and (checkpoint / "state.json").exists()
        if checkpoint is not None and request.force_unlock:
            unlock(checkpoint)  # which a run has held that the lock of the run log was taken over from
        try:
            with keep_checkpoints() as kept:
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
                    plan=None if resumed else plan,
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
        if run_log is not None:
            # in this order: killed between any two of these, the run finds the volume in one of the places
            run_log.reach(number + 1)
            for each in kept:
                each.remove()
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


def _check_growing(path: Path, run_log: RunLog) -> None:
    """Raises CheckpointError unless the file with the finished volumes is there, and as long as it was."""
    folder = repr(str(run_log.folder))
    if not path.exists():
        raise CheckpointError(
            f"output of the run in checkpoint {folder}, in a work folder beside it, is gone; remove the checkpoint to "
            "start anew"
        )
    if run_log.size is not None and path.stat().st_size != run_log.size:
        raise CheckpointError(
            f"output {str(path)!r} of the run in checkpoint {folder} is damaged: it has {path.stat().st_size} bytes "
            f"and had {run_log.size}; remove the checkpoint to start anew"
        )
