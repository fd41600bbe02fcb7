"""From files to a file: what `rlcore deconvolve` does, and the demo with it."""

from __future__ import annotations

import contextlib
import json
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
        }


def restore(order: Order, *, callback: Callback | None = None, cancel: CancelEvent | None = None) -> Report:
    """Deconvolve a file into a file; nothing is left of the output if it cannot be finished.

    Parameters
    ----------
    order : Order
        Files and options.
    callback, cancel
        As for `rlcore.deconvolve`.

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
        step = _run(order, image, psf, backend, plan, watch, cancel)
        shape = tuple(image.array.shape)
    per_iteration = watch.seconds_per_run / order.iterations if watch.seconds_per_run else None
    if watch.seconds_per_run:
        speed.remember(backend, plan, watch.seconds_per_run)
    return Report(
        order.output, shape, image.axes, image.voxel, order.dtype, step, order.iterations,
        time.perf_counter() - began, per_iteration, plan, psf.notes,
    )  # fmt: skip


def _run(
    order: Order,
    image: Opened,
    psf: PSF,
    backend: Backend[Any],
    plan: Plan,
    watch: Stopwatch,
    cancel: CancelEvent | None,
) -> float | None:
    """Write the output; the value of one step if it is of integers."""
    shape, note = tuple(image.array.shape), _note(order, plan)
    with writing.beside(order.output) as partial:
        out = writing.create(partial, order.output, shape, order.dtype, image, note)
        with _floating(order, out) as real:
            rlcore.deconvolve(
                image.array,
                psf,
                iterations=order.iterations,
                backend=backend,
                boundary=plan.geometry.boundary,
                background=order.background,
                memory=order.memory,
                plan=None if order.checkpoint else plan,
                exchange=not order.independent,
                tolerance=order.tolerance,
                out=real,
                callback=watch,
                cancel=cancel,
                checkpoint=order.checkpoint,
            )
            step = None if real is out else writing.to_integers(real, out)
        writing.flush(out)
        del out, real
    return step


@contextmanager
def _opened_image(order: Order) -> Iterator[Opened]:
    """The image, mapped; or decoded into memory; or into a file beside the output, if it is too large for that."""
    with _passing(order.output, ".decoded.npy") as path:
        yield open_file(order.image, "image", pick=order.pick, decode=into(path, order.memory))


@contextmanager
def _floating(order: Order, out: Volume) -> Iterator[Volume]:
    """What the run writes: the output itself, or for integers a float32 volume in a file beside it."""
    if out.dtype.kind == "f":
        yield out
        return
    with _passing(order.output, ".float32.npy") as path:
        writing.check_room(path.parent, out.size * 4)
        yield map_new(path, tuple(out.shape), np.dtype(np.float32))


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


def _note(order: Order, plan: Plan) -> str:
    """What the output says of itself."""
    return (
        f"Richardson-Lucy deconvolution by rlcore {version('rlcore')}: {order.iterations} iterations, "
        f"boundary {order.boundary}, background {order.background:g}, psf {order.psf.name}, on {plan.backend}"
    )
