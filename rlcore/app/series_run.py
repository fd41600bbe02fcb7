"""Run over all volumes of a file, one after the other, into one output."""

from __future__ import annotations

import errno
import math
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import rlcore
from rlcore.app.bad_volumes import BadVolume, BadVolumeWarning, in_sentence, leave_empty, none_left
from rlcore.app.camera.channel import ChannelCamera
from rlcore.app.camera.found import CameraFound
from rlcore.app.camera.photons import InPhotons
from rlcore.app.file_request import FileRequest
from rlcore.app.files.layout import Place
from rlcore.app.files.metadata.provenance import Provenance, fingerprint
from rlcore.app.files.opening import Opened
from rlcore.app.files.writing.destination import check_room, hold_space
from rlcore.app.files.writing.durable import sync_names, sync_tree
from rlcore.app.files.writing.left_overs import remove
from rlcore.app.files.writing.mapped_output import Mapped, frame_intact
from rlcore.app.files.writing.output import Output, Target, step_of, to_steps
from rlcore.app.files.writing.run_state import is_output_of
from rlcore.app.files.writing.stamps import clear_partial
from rlcore.app.files.writing.work_folder import WorkFolder
from rlcore.app.files.zarr.concurrency import limit_concurrency
from rlcore.app.files.zarr.zip_archive import pack
from rlcore.app.run_identity import identity_of
from rlcore.app.run_log import RunLog
from rlcore.app.speed import Stopwatch
from rlcore.backend import Backend
from rlcore.errors import Cancelled, CheckpointError, CheckpointWriteError, InputError, OutputError, caution
from rlcore.execution.checkpoint import open_volume as map_new
from rlcore.execution.kept_checkpoints import keep_checkpoints
from rlcore.execution.lock import unlock
from rlcore.execution.progress import Callback, CancelEvent, Progress
from rlcore.optics.otf import one_otf
from rlcore.optics.psf import PSF

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
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
    bad: tuple[BadVolume, ...]
    """Volumes that could not be restored, and are empty."""
    provenance: Provenance
    """Provenance as it is written into the output."""
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
        cameras: list[ChannelCamera],
        backend: Backend[Any],
        target: Target,
        work: WorkFolder,
        callback: Callback | None,
        cancel: CancelEvent | None,
        *,
        sample: Place,
        info: bool,
    ) -> None:
        self._request, self._image, self._psfs, self._backend = request, image, psfs, backend
        self._cameras = cameras
        self._target, self._work, self._callback, self._cancel = target, work, callback, cancel
        self._sample, self._places = sample, self._by_psf()
        self._bad: dict[int, str] = {}
        self._spent = 0.0
        self._wants_info = info or request.ends_itself
        self._info: dict[Place, rlcore.Info] = {}
        self._seconds: float | None = None

    def write(self, after: ExitStack) -> SeriesResult:
        """Restores all volumes and writes the output.

        Parameters
        ----------
        after : ExitStack
            Closed by the caller once the work folder has gone. Only then the checkpoint may go: killed before, the run
            is known by it.

        Raises
        ------
        Cancelled
            If the run was stopped.
        OutputError
            If the output cannot be completed.
        """
        run_log = self._open_run_log(after)
        try:
            step = self._complete(run_log)
        except OSError as error:
            raise self._unfinished(error) from error
        except CheckpointWriteError:
            raise  # which names the file, and says how to go on
        except CheckpointError as error:
            # a disk that is full is no fault of the checkpoint
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
                raise self._unfinished(error.__cause__) from error
            raise
        finally:
            # a file without a finished volume has nothing to keep
            self._work.keep = run_log is not None and bool(run_log.done)
        self._work.keep = False
        infos = tuple(self._info[place] for place in self._image.layout.places if place in self._info)
        provenance = replace(self._stated().provenance, step=step)
        return SeriesResult(step, self._seconds, self._bad_volumes(), provenance, infos)

    def _bad_volumes(self) -> tuple[BadVolume, ...]:
        bad = sorted((self._places[number], reason) for number, reason in self._bad.items())
        return tuple(BadVolume.of(self._image.layout, *each) for each in bad)

    def _stated(self) -> Target:
        """Returns the target whose provenance says which volumes are empty; known once all have been tried."""
        if not self._request.keep_going:
            return self._target
        empty = tuple(f"{bad}: {bad.reason}" for bad in self._bad_volumes())
        return replace(self._target, provenance=replace(self._target.provenance, empty=empty))

    def _complete(self, run_log: RunLog | None) -> float | None:
        """Writes the output and gives it its name, unless an earlier part of the run has done so."""
        output, work = self._work.output, self._work
        if run_log is not None and is_output_of(run_log.folder, output):
            self._bad = run_log.bad
            return run_log.step
        step = None
        if self._request.dtype == "float32":
            self._fill(work.growing, self._target.create, self._target.reopen, run_log)
        else:
            step = self._write_integers(run_log)
        if work.growing != work.result:
            remove(work.result)  # of an earlier part of the run, which stopped while it was packed
            pack(work.growing, work.result)
        if run_log is not None:
            run_log.complete(work.result, step)
        work.publish(force=self._request.force)
        return step

    def _unfinished(self, error: OSError) -> OutputError:
        """Describes a failure of the disk in the middle of a run, with what is to be done."""
        file = f" at {error.filename!r}" if error.filename else ""
        name, checkpoint = repr(str(self._request.output)), self._request.checkpoint
        remedy = "free some space" if error.errno in _FULL else "see to it"
        again = "" if checkpoint is None else f" and resume from {str(checkpoint)!r} by the same command"
        return OutputError(f"output {name} cannot be finished: {error.strerror or error}{file}; {remedy}{again}")

    def _write_integers(self, run_log: RunLog | None) -> float:
        """Writes an integer output by way of a float32 file, as the maximum is known only at the end."""
        layout, work = self._image.layout, self._work

        def real(file: Path) -> Output:
            return Mapped(file, [map_new(file, layout.shape, np.dtype(np.float32))], layout, layout.axes)

        remove(work.growing)  # of an earlier part of the run, which stopped while it wrote integers
        # both files exist side by side in the end; room for the second is held until then
        self._fill(work.real, real, real, run_log, hold=self._target.disk)
        volumes = real(work.real)
        step = step_of(volumes, self._places, self._request.dtype)
        remove(work.reserved)
        target = self._stated().with_step(step)
        try:
            out = target.create(work.growing)
        except InputError as error:
            if isinstance(error.__cause__, OSError):
                raise self._unfinished(error.__cause__) from error  # not refused before the run, but failed after it
            raise
        for place in self._places:
            to_steps(volumes.volume(place), step, out.volume(place))
            out.finish(place)
        out.close(target)
        return step

    def _fill(self, path: Path, create: Any, reopen: Any, run_log: RunLog | None, *, hold: int = 0) -> None:
        """Restores every unfinished volume into the file at `path`; meanwhile holds disk space for another file."""
        done = run_log.done if run_log else frozenset()
        if not done:
            remove(path)  # a run killed in its first volume leaves a file with nothing to keep
            self._check_room(hold)
        elif run_log is not None:
            _check_growing(path, run_log)
        if hold:
            hold_space(self._work.reserved, hold)
        out: Output = reopen(path) if done else create(path)
        if run_log is not None and done:
            run_log.verify(lambda number: out.checksum(self._places[number]))
        elif run_log is not None:
            sync_tree(path)
            sync_names(path.parent)
            run_log.begin(self._target.plan, [each.found for each in self._cameras], out.frame())
        sample = self._sample
        within = limit_concurrency(self._target.plan.memory_bytes, self._image.volume(sample), out.volume(sample))
        # consecutive volumes with one PSF share one OTF on the device
        with one_otf(), within:
            self._restore_all(out, run_log)
        self._close(out, run_log)

    def _close(self, out: Output, run_log: RunLog | None) -> None:
        """Completes a file; its header is written anew if volumes may be empty, which was not known before."""
        if run_log is None or not self._request.keep_going:
            out.close(self._stated())
            return
        run_log.know_frame([])  # killed from here on, the run does not compare the header with what it was
        out.close(self._stated())
        run_log.know_frame(out.frame())

    def _restore_all(self, out: Output, run_log: RunLog | None) -> None:
        """Restores the volumes that are not done; any may be missing, since a damaged one is restored again."""
        done = run_log.done if run_log else frozenset()
        rest = [number for number in range(len(self._places)) if number not in done]
        for finished, number in enumerate(rest, len(done)):
            try:
                self._restore(number, self._reporter(number, finished, len(done)), out, run_log)
            except InputError as error:
                self._give_up(number, error, out, run_log)
        if len(self._bad) == len(self._places):
            raise none_left([BadVolume.of(self._image.layout, self._places[0], self._bad[0])], len(self._places))

    def _give_up(self, number: int, error: InputError, out: Output, run_log: RunLog | None) -> None:
        """Leaves a volume empty that cannot be restored; raises InputError that names it if the run is not to go on."""
        place, checkpoint = self._places[number], self._request.checkpoint
        if not self._request.keep_going:
            raise in_sentence(error, self._image, place, checkpoint, len(run_log.done) if run_log else 0) from error
        bad = BadVolume.of(self._image.layout, place, str(error))
        # integers are made of float32, and have no NaN
        what, value = ("NaN", math.nan) if self._request.dtype == "float32" else ("0", 0.0)
        # the sentence of one image has to differ from that of another, which would not be repeated
        of = f" of image {self._image.taken}" if len(self._image.images) > 1 else ""
        said = f"volume at {bad}{of} cannot be restored and is left empty ({what}): {bad.reason}"
        caution(said, BadVolumeWarning)
        leave_empty(out.volume(place), value)
        out.finish(place)
        if run_log is not None:
            run_log.give_up(number, bad.reason)
        self._bad[number] = bad.reason

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
        marks = [fingerprint(psf) for psf in self._psfs]
        return sorted(self._image.layout.places, key=lambda place: marks.index(marks[place.channel]))

    def _open_run_log(self, after: ExitStack) -> RunLog | None:
        request = self._request
        if request.checkpoint is None:
            return None
        plan = self._target.plan
        identity = identity_of(request, self._image, self._psfs, self._cameras, self._places, self._backend, plan)
        folder, output = request.checkpoint, self._work.output
        run_log = after.enter_context(
            RunLog(folder, output, self._work.owner, identity, force_unlock=request.force_unlock)
        )
        self._work.belong_to(folder, run_log.run)
        return run_log

    def _restore(self, number: int, report: Callback | None, out: Output, run_log: RunLog | None) -> None:
        request, place, plan = self._request, self._places[number], self._target.plan
        settings, camera = request.settings(), self._cameras[place.channel]
        found = camera.found
        plan = plan if isinstance(found.iterations, str) else plan.shortened(found.iterations)
        watch = Stopwatch(report)
        checkpoint = run_log.volume(number) if run_log else None
        # a volume that is resumed has its own plan, which the library reads from its checkpoint
        resumed = checkpoint is not None and (checkpoint / "state.json").exists()
        if checkpoint is not None and request.force_unlock:
            unlock(checkpoint)  # which a run has held that the lock of the run log was taken over from
        try:
            recorded = self._image.volume(place)
            with keep_checkpoints() as kept:
                result = rlcore.deconvolve(
                    camera.volume(recorded),
                    self._psfs[place.channel],
                    iterations=found.iterations,
                    acceleration=plan.acceleration,
                    regularization=plan.regularization,
                    tv_weight=request.tv_weight,
                    seed=request.seed,
                    stop=settings.stop,
                    threshold=settings.threshold,
                    **camera.options(recorded, self._image.missing_planes(place)),
                    start=request.start,
                    backend=self._backend,
                    boundary=plan.geometry.boundary,
                    memory=request.memory,
                    plan=None if resumed else plan,
                    exchange=not request.independent,
                    tolerance=request.tolerance,
                    out=self._out(out.volume(place), found),
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
            self._info[place] = _with_search(result[1], found, place)
        out.finish(place)
        if run_log is not None:
            # in this order: killed between any two of these, the run finds the volume in one of the places
            run_log.reach(number, out.checksum(place))
            for each in kept:
                each.remove()
        self._seconds = watch.seconds_per_run or self._seconds
        self._spent += watch.elapsed

    def _out(self, volume: Any, found: CameraFound) -> Any:
        """Returns what takes the result of a volume: its place in the output, or one that divides by the gain."""
        gain = found.camera.gain
        return InPhotons(volume, gain) if self._request.photons and gain is not None else volume

    def _reporter(self, number: int, finished: int, before: int) -> Callback | None:
        """Wraps the callback, so that it receives the progress of one volume as part of the whole file.

        `finished` volumes are done by now, `before` of them by an earlier run.
        """
        callback, volumes = self._callback, len(self._places)
        if callback is None or volumes == 1:
            return callback
        spent = self._spent

        def report(progress: Progress) -> object:
            fraction = (finished + progress.fraction) / volumes
            elapsed = spent + progress.elapsed
            share = fraction - before / volumes  # volumes of an earlier run took none of this run's time
            remaining = elapsed / share * (1 - fraction) if share > 0 else progress.remaining
            known = {name: getattr(progress, name) for name in Progress.__dataclass_fields__}
            known |= {"fraction": fraction, "elapsed": elapsed, "remaining": remaining}
            return callback(FileProgress(**known, volume=number + 1, volumes=volumes))

        return report


def _with_search(info: rlcore.Info, found: CameraFound, place: Place) -> rlcore.Info:
    """Returns the history of a volume with the reason for its number of iterations, if that was found before."""
    if not found.why:
        return info
    return replace(info, stopped=found.why, held_out=found.held_out if place.time == found.time else ())


def _check_growing(path: Path, run_log: RunLog) -> None:
    """Raises CheckpointError unless the file with the finished volumes is there, and fit to go on with."""
    folder, anew = repr(str(run_log.folder)), "remove the checkpoint to start anew"
    if not path.exists():
        raise CheckpointError(f"output of the run in checkpoint {folder}, in a work folder beside it, is gone; {anew}")
    damaged = f"output {str(path)!r} of the run in checkpoint {folder} is damaged"
    size, known = path.stat().st_size, run_log.frame
    if not known:
        clear_partial(path)
        return  # the run was killed while it wrote the header anew, and will write it again
    if path.is_file() and size != known[0]:
        raise CheckpointError(f"{damaged}: it has {size} bytes and had {known[0]}; {anew}")
    clear_partial(path)
    try:
        intact = frame_intact(path, known)
    except OSError as error:
        raise CheckpointError(f"{damaged}: {error.strerror or error}; {anew}") from error
    if not intact:
        raise CheckpointError(f"{damaged}: its header or its metadata have been changed; {anew}")
