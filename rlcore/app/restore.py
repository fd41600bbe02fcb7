"""From files to a file: what `rlcore deconvolve` does, and the demo with it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlcore.app import speed
from rlcore.app.channel_psfs import ChannelPSF, files_of, open_psfs, tell, to_one_extent
from rlcore.app.files.destination import check_output
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened, into, open_file
from rlcore.app.files.output import Target
from rlcore.app.files.provenance import Provenance, UsedPSF
from rlcore.app.order import Order
from rlcore.app.report import Report
from rlcore.app.volumes import Done, Volumes
from rlcore.backend import Backend
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.planner import Plan
from rlcore.psf import PSF


def restore(
    order: Order,
    *,
    callback: Callback | None = None,
    cancel: CancelEvent | None = None,
    info: bool = False,
    say: Callable[[str], None] | None = None,
) -> Report:
    """Deconvolve a file into a file; nothing is left of the output if it cannot be finished.

    Every time point and channel is restored by itself, with its channel's PSF and by one plan.

    Parameters
    ----------
    order : Order
        Files and options.
    callback, cancel
        As for `rlcore.deconvolve`; the progress is that of the whole file.
    info : bool, default False
        Also tell how well the model fitted in each iteration.
    say : callable, optional
        Takes a line of what is known before the run: what PSFs were computed from.

    Raises
    ------
    RLCoreError
        As `rlcore.deconvolve`; InputError if a file cannot be read or written.
    """
    began = time.perf_counter()
    order.settings()
    check_output(order.output, [order.image, *files_of(order.psf, order.psfs)], force=order.force)
    with _passing(order.output, ".decoded.npy") as decoded:
        image = open_file(order.image, "image", pick=order.pick, decode=into(decoded, order.memory))
        image.volume(Place())  # a file whose voxels cannot be read is told of first
        files = open_psfs(order.psf, order.psfs, image, order.psf_model)
        if say is not None:
            tell(files, say)
        backend = order.choose().backend
        prepared = order.prepare(image, files)
        psfs = to_one_extent(prepared)
        plan = _plan_of(order, image, psfs[0], backend)
        target = _target(order, image, plan, files, prepared)
        run = Volumes(order, image, psfs, backend, target, callback, cancel, info=info)
        done = run.write()
    if done.seconds_per_volume and order.settings().ends == "none":
        speed.remember(backend, plan, done.seconds_per_volume)
    return _report(order, image, target, done, time.perf_counter() - began)


def _target(order: Order, image: Opened, plan: Plan, files: list[ChannelPSF], psfs: list[PSF]) -> Target:
    """What the output is to be, and what it says of itself."""
    used = tuple(
        UsedPSF.of(_name(image, number), file.opened.path.name, psf)
        for number, (file, psf) in enumerate(zip(files, psfs, strict=True))
    )
    said = {key: None if value is None else str(value) for key, value in _picked(order).items()}
    provenance = Provenance.of(
        plan, order.settings().prior, used,
        image=order.image.name, background=order.background, **_counting(order), **said,
    )  # fmt: skip
    return Target(order.output, image.about, image.layout, order.dtype, provenance, plan)


def _counting(order: Order) -> dict[str, Any]:
    """What decided how many iterations there were, and what they started from."""
    return {name: getattr(order, name) for name in ("iterations", "stop", "threshold", "gain", "start")}


def _picked(order: Order) -> dict[str, Any]:
    return {"time": order.time, "channel": order.channel}


def _name(image: Opened, number: int) -> str:
    names = image.channel_names
    return names[number] if number < len(names) and names[number] else str(image.layout.channels[number])


def _report(order: Order, image: Opened, target: Target, done: Done, seconds: float) -> Report:
    per_volume = done.seconds_per_volume
    iterations = max((info.iterations for info in done.info), default=target.plan.iterations)
    notes = dict.fromkeys(note for used in target.provenance.psf for note in used.notes)
    return Report(
        output=order.output,
        shape=image.layout.shape,
        axes=image.layout.axes,
        voxel=image.about.voxel,
        dtype=order.dtype,
        step=done.step,
        iterations=iterations,
        stops=order.settings().ends != "none",
        seconds=seconds,
        seconds_per_iteration=per_volume / iterations if per_volume else None,
        plan=target.plan,
        psf_notes=tuple(notes),
        volumes=len(image.layout.places),
        provenance=replace(target.provenance, step=done.step),
        info=done.info,
    )


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
    name = "state.json" if len(image.layout.places) == 1 else "run.json"
    state = None if order.checkpoint is None else order.checkpoint / name
    if state is not None and state.exists():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # the run itself says what is wrong with it
            return Plan.from_dict(json.loads(state.read_text())["plan"])
    return order.plan(image.volume(Place()), psf, backend)
