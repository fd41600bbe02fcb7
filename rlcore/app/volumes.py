"""The volumes of a file restored one after the other, into one file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rlcore
from rlcore.app.files.destination import beside, check_room, remove
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.app.files.output import Mapped, Output, Target, step_of, to_steps
from rlcore.app.files.provenance import fingerprint
from rlcore.app.files.zarr_chunks import chunks_within
from rlcore.app.journal import Journal
from rlcore.app.order import Order
from rlcore.app.speed import Stopwatch
from rlcore.backend import Backend
from rlcore.errors import Cancelled
from rlcore.execution.checkpoint import open_volume as map_new
from rlcore.execution.progress import Callback, CancelEvent, Progress
from rlcore.psf import PSF
from rlcore.transfer import one_transfer


@dataclass(frozen=True, slots=True)
class FileProgress(Progress):
    """How far a run over several volumes is: `fraction`, `elapsed` and `remaining` are of all of them."""

    volume: int = 1
    """The one under way, from 1."""
    volumes: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """What writing the volumes has told."""

    step: float | None
    seconds_per_volume: float | None
    """None where nothing could be timed."""
    info: tuple[rlcore.Info, ...]
    """What happened in each volume of this run, time point by time point, if that was asked for."""


class Volumes:
    """Everything a run needs.

    A run of several volumes with a checkpoint keeps what is written so far beside the output; all else leaves nothing
    behind unless it is finished.
    """

    def __init__(
        self,
        order: Order,
        image: Opened,
        psfs: list[PSF],
        backend: Backend[Any],
        target: Target,
        callback: Callback | None,
        cancel: CancelEvent | None,
        *,
        info: bool,
    ) -> None:
        self._order, self._image, self._psfs, self._backend = order, image, psfs, backend
        self._target, self._callback, self._cancel = target, callback, cancel
        self._marks = [fingerprint(psf) for psf in psfs]
        self._places = self._by_psf()
        self._spent = 0.0
        self._wants_info = info or order.settings().ends != "none"
        self._info: dict[Place, rlcore.Info] = {}
        self._seconds: float | None = None

    @property
    def _resumable(self) -> bool:
        return self._order.checkpoint is not None and len(self._places) > 1

    def write(self) -> Done:
        """Write the output; the value of one step if it is of integers."""
        with beside(self._order.output, keep=self._resumable) as partial:
            if self._order.dtype == "float32":
                journal = self._fill(partial, self._target.create, self._target.reopen)
                step = None
            else:
                with self._real() as path:
                    step, journal = self._write_integers(partial, path)
        if journal is not None:
            journal.remove()
        told = tuple(self._info[place] for place in self._image.layout.places if place in self._info)
        return Done(step, self._seconds, told)

    def _write_integers(self, partial: Path, path: Path) -> tuple[float, Journal | None]:
        """By way of a float32 file, since the maximum is known only at the end."""
        layout = self._image.layout
        size = int(np.prod(layout.shape))
        if not path.exists():
            check_room(path.parent, size * (4 + np.dtype(self._order.dtype).itemsize))

        def real(file: Path) -> Output:
            return Mapped(map_new(file, layout.shape, np.dtype(np.float32)), layout, layout.axes)

        journal = self._fill(path, real, real)
        volumes = real(path)
        step = step_of(volumes, self._places, self._order.dtype)
        out = self._target.with_step(step).create(partial)
        for place in self._places:
            to_steps(volumes.volume(place), step, out.volume(place))
            out.finish(place)
        out.close()
        return step, journal

    @contextmanager
    def _real(self) -> Iterator[Path]:
        path = self._order.output.with_name(self._order.output.name + ".float32.npy")
        done = False
        try:
            yield path
            done = True
        finally:
            path.with_suffix(".new").unlink(missing_ok=True)
            if done or not self._resumable:
                path.unlink(missing_ok=True)

    def _fill(self, path: Path, create: Any, reopen: Any) -> Journal | None:
        """Restore every volume that is not there yet into a file of this name."""
        journal = self._journal(path)
        finished = journal.finished if journal else 0
        if finished == 0:
            remove(path)
        out: Output = reopen(path) if finished else create(path)
        if journal is not None and journal.plan is None:
            journal.begin(self._target.plan)
        first = self._places[0]
        within = chunks_within(self._target.plan.memory_bytes, self._image.volume(first), out.volume(first))
        with one_transfer(), within:
            for number in range(finished, len(self._places)):
                self._restore(number, finished, out, journal)
                if journal is not None:
                    journal.reach(number + 1)
        out.close()
        return journal

    def _by_psf(self) -> list[Place]:
        """The volumes in the order of the run: those of one PSF after each other, since its spectrum is made once."""
        return sorted(self._image.layout.places, key=lambda place: self._marks.index(self._marks[place.channel]))

    def _journal(self, growing: Path) -> Journal | None:
        if not self._resumable:
            return None
        assert self._order.checkpoint is not None
        return Journal(self._order.checkpoint, self._identity(), growing)

    def _identity(self) -> dict[str, Any]:
        """What a continuation must agree in; the image is told by its file, since to read it all takes long."""
        order, layout, plan = self._order, self._image.layout, self._target.plan
        file = order.image / "zarr.json" if order.image.is_dir() else order.image
        stat = file.stat() if file.exists() else order.image.stat()
        said = f"{layout} {self._image.dtype} {stat.st_size} {stat.st_mtime_ns}"
        return {
            "image": hashlib.sha256(said.encode()).hexdigest(),
            "psf": self._marks,
            "order": [(place.time, place.channel) for place in self._places],
            "iterations": order.iterations,
            "acceleration": order.acceleration,
            "regularization": asdict(order.settings().prior),
            "stop": [order.stop, order.threshold],
            "gain": order.gain,
            "start": order.start,
            "boundary": order.boundary,
            "background": order.background,
            "tolerance": order.settings().error,
            "dtype": order.dtype,
            "output": order.output.name,
            "backend": self._backend.name,
            "device": self._backend.device,
            "psf shape": plan.geometry.psf_shape,
        }

    def _restore(self, number: int, before: int, out: Output, journal: Journal | None) -> None:
        order, place, plan = self._order, self._places[number], self._target.plan
        settings = order.settings()
        watch = Stopwatch(self._teller(number, before))
        checkpoint = journal.volume if journal else order.checkpoint
        try:
            result = rlcore.deconvolve(
                self._image.volume(place),
                self._psfs[place.channel],
                iterations=order.iterations,
                acceleration=plan.acceleration,
                regularization=plan.regularization,
                tv_weight=order.tv_weight,
                seed=order.seed,
                stop=settings.stop,
                threshold=settings.threshold,
                gain=settings.gain,
                start=order.start,
                backend=self._backend,
                boundary=plan.geometry.boundary,
                background=order.background,
                memory=order.memory,
                plan=plan if journal is not None or checkpoint is None else None,
                exchange=not order.independent,
                tolerance=order.tolerance,
                out=out.volume(place),
                callback=watch,
                cancel=self._cancel,
                checkpoint=checkpoint,
                return_info=self._wants_info,
            )
        except Cancelled as stopped:
            if len(self._places) == 1:
                raise
            raise Cancelled(f"{stopped} on volume {number + 1} of {len(self._places)}") from stopped
        if self._wants_info:
            self._info[place] = result[1]
        out.finish(place)
        self._seconds = watch.seconds_per_run or self._seconds
        self._spent += watch.elapsed

    def _teller(self, number: int, before: int) -> Callback | None:
        """Tells of one volume as part of the whole file."""
        callback, volumes = self._callback, len(self._places)
        if callback is None or volumes == 1:
            return callback
        spent = self._spent

        def tell(progress: Progress) -> object:
            fraction = (number + progress.fraction) / volumes
            elapsed = spent + progress.elapsed
            share = fraction - before / volumes
            remaining = elapsed / share * (1 - fraction) if share > 0 else progress.remaining
            known = {name: getattr(progress, name) for name in Progress.__dataclass_fields__}
            known |= {"fraction": fraction, "elapsed": elapsed, "remaining": remaining}
            return callback(FileProgress(**known, volume=number + 1, volumes=volumes))

        return tell
