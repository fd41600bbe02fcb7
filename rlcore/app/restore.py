"""From files to a file: what `rlcore deconvolve` does, and the demo with it."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import rlcore
from rlcore.app import speed, writing
from rlcore.app.order import Order
from rlcore.app.reading import Opened, into, open_file
from rlcore.app.speed import Stopwatch
from rlcore.app.voxel import Voxel
from rlcore.backend import Backend, Shape, Volume
from rlcore.execution.checkpoint import open_volume as map_new
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.planner import Plan
from rlcore.psf import PSF


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run."""

    output: Path
    shape: Shape
    axes: str
    voxel: Voxel
    dtype: str
    step: float | None
    """Value of one step of an integer output; None for floating point."""
    iterations: int
    seconds: float
    """From opening the files to the finished output."""
    seconds_per_iteration: float | None
    """None where nothing could be timed, as in a run of one iteration."""
    plan: Plan
    psf_notes: tuple[str, ...]
    info: rlcore.Info | None
    """What happened in each iteration, if that was asked for."""

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        count = "1 iteration" if self.iterations == 1 else f"{self.iterations} iterations"
        rate = f", {speed.duration(self.seconds_per_iteration)} each" if self.seconds_per_iteration else ""
        scale = f"; one step is {self.step:.6g} of the image's units" if self.step else ""
        where = f"{self.plan.backend} ({self.plan.device})"
        took = f"{speed.duration(self.seconds)}{rate}"
        return f"{self.output}: {size} {self.dtype}, {count} on {where} in {took}{scale}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON has."""
        return {
            "output": str(self.output),
            "shape": self.shape,
            "axes": self.axes,
            "voxel": self.voxel.to_dict(),
            "dtype": self.dtype,
            "step": self.step,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "seconds_per_iteration": self.seconds_per_iteration,
            "backend": self.plan.backend,
            "device": self.plan.device,
            "psf": self.psf_notes,
            "plan": self.plan.to_dict(),
            "info": None if self.info is None else self.info.to_dict(),
        }


def restore(
    order: Order, *, callback: Callback | None = None, cancel: CancelEvent | None = None, info: bool = False
) -> Report:
    """Deconvolve a file into a file; nothing is left of the output if it cannot be finished.

    Parameters
    ----------
    order : Order
        Files and options.
    callback, cancel
        As for `rlcore.deconvolve`.
    info : bool, default False
        Also tell how well the model fitted in each iteration.

    Raises
    ------
    RLCoreError
        As `rlcore.deconvolve`; InputError if a file cannot be read or written.
    """
    began = time.perf_counter()
    order.settings()
    writing.check_output(order.output, [order.image, order.psf], force=order.force)
    psf_file = open_file(order.psf, "psf")
    backend = order.choose().backend
    with _opened_image(order) as image:
        psf = order.prepare(image, psf_file)
        plan = _plan_of(order, image, psf, backend)
        watch = Stopwatch(callback)
        step, told = _Run(order, image, psf, backend, plan, watch, cancel, info).write()
        shape = tuple(image.array.shape)
    per_iteration = watch.seconds_per_run / order.iterations if watch.seconds_per_run else None
    if watch.seconds_per_run:
        speed.remember(backend, plan, watch.seconds_per_run)
    return Report(
        order.output, shape, image.axes, image.voxel, order.dtype, step, order.iterations,
        time.perf_counter() - began, per_iteration, plan, psf.notes, told,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything a run needs but the place for its result."""

    order: Order
    image: Opened
    psf: PSF
    backend: Backend[Any]
    plan: Plan
    watch: Stopwatch
    cancel: CancelEvent | None
    info: bool

    def write(self) -> tuple[float | None, rlcore.Info | None]:
        """Write the output; the value of one step if it is of integers, and what happened."""
        with writing.beside(self.order.output) as partial:
            if self.order.dtype == "float32":
                out = self._create(partial, "")
                info = self._fill(out)
                writing.flush(out)
                return None, info
            with _passing(self.order.output, ".float32.npy") as path:
                return self._write_integers(partial, path)

    def _write_integers(self, partial: Path, path: Path) -> tuple[float, rlcore.Info | None]:
        """By way of a float32 file, since the maximum is known only at the end."""
        shape = tuple(self.image.array.shape)
        writing.check_room(path.parent, math.prod(shape) * (4 + np.dtype(self.order.dtype).itemsize))
        real = map_new(path, shape, np.dtype(np.float32))
        info = self._fill(real)
        step = writing.step_of(real, self.order.dtype)
        out = self._create(partial, f", in steps of {step:.9g}")
        writing.to_steps(real, step, out)
        writing.flush(out)
        return step, info

    def _create(self, partial: Path, more: str) -> Volume:
        order, shape = self.order, tuple(self.image.array.shape)
        return writing.create(partial, order.output, shape, order.dtype, self.image, self._note() + more)

    def _fill(self, out: Volume) -> rlcore.Info | None:
        order = self.order
        result = rlcore.deconvolve(
            self.image.array,
            self.psf,
            iterations=order.iterations,
            acceleration=self.plan.acceleration,
            backend=self.backend,
            boundary=self.plan.geometry.boundary,
            background=order.background,
            memory=order.memory,
            plan=None if order.checkpoint else self.plan,
            exchange=not order.independent,
            tolerance=order.tolerance,
            out=out,
            callback=self.watch,
            cancel=self.cancel,
            checkpoint=order.checkpoint,
            return_info=self.info,
        )
        return result[1] if self.info else None

    def _note(self) -> str:
        """What the output says of itself."""
        order = self.order
        return (
            f"Richardson-Lucy deconvolution by rlcore {version('rlcore')}: {order.iterations} iterations, "
            f"acceleration {order.acceleration}, boundary {order.boundary}, background {order.background:g}, "
            f"psf {order.psf.name}, on {self.plan.backend}"
        )


@contextmanager
def _opened_image(order: Order) -> Iterator[Opened]:
    """The image, mapped; or decoded into memory; or into a file beside the output, if it is too large for that."""
    with _passing(order.output, ".decoded.npy") as path:
        yield open_file(order.image, "image", pick=order.pick, decode=into(path, order.memory))


@contextmanager
def _passing(output: Path, ending: str) -> Iterator[Path]:
    """The name of a file beside the output that is gone afterwards."""
    path = output.with_name(output.name + ending)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(".new").unlink(missing_ok=True)


def _plan_of(order: Order, image: Opened, psf: PSF, backend: Backend[Any]) -> Plan:
    """The plan that will be run: that of the checkpoint, if there is one to go on from."""
    state = None if order.checkpoint is None else order.checkpoint / "state.json"
    if state is not None and state.exists():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # the run itself says what is wrong with it
            return Plan.from_dict(json.loads(state.read_text())["plan"])
    return order.plan(image.array, psf, backend)
