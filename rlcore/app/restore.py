"""Restoration of a file into a file, as `rlcore deconvolve` and the demo do it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from rlcore.app import speed
from rlcore.app.bad_volumes import first_readable
from rlcore.app.camera.channel import ChannelCamera
from rlcore.app.camera.look import cameras_of
from rlcore.app.camera.plan import plan_of
from rlcore.app.channel_psfs import ChannelPSF, files_of, report_computed, to_one_extent
from rlcore.app.file_request import FileRequest
from rlcore.app.files.decoding import into
from rlcore.app.files.metadata.provenance import Provenance, UsedCamera, UsedPSF
from rlcore.app.files.ome.xml import files_beside
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.delivery import delivery
from rlcore.app.files.writing.apart import Named, check_apart
from rlcore.app.files.writing.destination import check_output
from rlcore.app.files.writing.output import Target
from rlcore.app.files.writing.run_state import is_output_of, state_of
from rlcore.app.files.writing.work_folder import working_on
from rlcore.app.run_summary import RunSummary
from rlcore.app.series_run import SeriesResult, SeriesRun
from rlcore.errors import caution
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.optics.psf import PSF
from rlcore.planner import Plan


class MissingPlanesWarning(UserWarning):
    """An image lacks planes."""


def restore(
    request: FileRequest,
    *,
    callback: Callback | None = None,
    cancel: CancelEvent | None = None,
    info: bool = False,
    say: Callable[[str], None] | None = None,
) -> RunSummary:
    """Deconvolves a file into a file; nothing incomplete ever has the output's name.

    Every time point and channel is restored separately, with its channel's PSF; all share one plan.

    Parameters
    ----------
    request : FileRequest
        Files and options.
    callback, cancel
        As for `rlcore.deconvolve`; progress refers to the whole file.
    info : bool, default False
        Record how well the model fits in each iteration.
    say : callable, optional
        Receives lines to print before the run: the parameters of computed PSFs.

    Returns
    -------
    RunSummary
        Result of the run, without its voxels.

    Raises
    ------
    RLCoreError
        As `rlcore.deconvolve`; InputError if a file cannot be read or written, OutputError if the output cannot be
        completed.
    """
    began = time.perf_counter()
    request.settings()
    check_request(request)
    made, checkpoint = request.made, request.checkpoint
    delivered = delivery(
        request.output, checkpoint, force=request.force, force_unlock=request.force_unlock,
        resumes=is_output_of(checkpoint, made), cancel=cancel, say=say,
    )  # fmt: skip
    with delivered as deliver, ExitStack() as after, working_on(made, force_unlock=request.force_unlock) as work:
        # again: another run may have written the output meanwhile, or been killed while it replaced it
        check_request(request)
        image = request.open_image(into(work.decoded, request.memory))
        if image.missing is not None:
            instead = "they count as no data" if image.missing.is_known else "zeros take their place"
            caution(f"image {str(image.path)!r} {image.missing}; {instead}", MissingPlanesWarning)
        beside: list[Named] = [("image", path) for path in files_beside(image.path, image.about)]
        check_apart([("output", request.output), *others_of(request)], beside)
        # reports unreadable voxels before any fault of the PSF
        sample = first_readable(image, keep_going=request.keep_going)
        files = request.open_psfs(image)
        if say is not None:
            report_computed(files, say)
        backend = request.choose().backend
        prepared = request.prepare(image, files)
        psfs = to_one_extent(prepared)
        state = state_of(checkpoint, made)  # one that cannot be read is refused by the run itself
        cameras = cameras_of(
            request, image, psfs, backend, known=None if state is None else state.cameras,
            scratch=work.path, callback=callback, cancel=cancel,
        )  # fmt: skip
        lines = camera_lines(image, cameras)
        if say is not None:
            for line in filter(None, lines):
                say(line)
        plan = plan_of(request, image, sample, cameras, psfs[0], backend) if state is None else state.plan
        target = _target(request, image, plan, files, prepared, cameras)
        run = SeriesRun(
            request, image, psfs, cameras, backend, target, work, callback, cancel, sample=sample, info=info
        )
        done = run.write(after)
        deliver()
        # volumes that take different numbers of iterations have no time in common
        if done.seconds_per_volume and {each.found.iterations for each in cameras} == {plan.iterations}:
            speed.remember(backend, plan, done.seconds_per_volume)
    return _report(request, image, target, cameras, lines, done, time.perf_counter() - began)


def check_request(request: FileRequest) -> None:
    """Raises InputError if what the run is to write cannot be written, or is not apart from what it reads."""
    inputs: list[Named] = [("image", request.image), *(("psf", path) for path in files_of(request.psf, request.psfs))]
    inputs += request.camera.files()
    check_output(
        request.output,
        inputs,
        # a run that was killed when its output had just got its name is resumed, and only cleans up
        force=request.force or is_output_of(request.checkpoint, request.made),
        others=others_of(request),
    )


def others_of(request: FileRequest) -> tuple[Named, ...]:
    """Returns what the run writes besides its output."""
    others = ("checkpoint", request.checkpoint), ("report", request.report)
    return tuple((role, path) for role, path in others if path is not None)


def camera_lines(image: Opened, cameras: Sequence[ChannelCamera]) -> tuple[str, ...]:
    """Returns a line for each channel on what was found of its camera; empty if nothing was."""
    pixels = math.prod(image.layout.volume_shape[-2:])
    several = len(cameras) > 1
    return tuple(
        f"{f'channel {_name(image, number)}: ' if several else ''}{camera.found.line(pixels)}"
        if camera.found.looked
        else ""
        for number, camera in enumerate(cameras)
    )


def _target(
    request: FileRequest,
    image: Opened,
    plan: Plan,
    files: list[ChannelPSF],
    psfs: list[PSF],
    cameras: list[ChannelCamera],
) -> Target:
    """Describes the output: its layout, type and provenance."""
    used = tuple(
        UsedPSF.of(_name(image, number), file.opened.path.name, psf)
        for number, (file, psf) in enumerate(zip(files, psfs, strict=True))
    )
    said = {key: None if value is None else str(value) for key, value in _picked(request).items()}
    provenance = Provenance.of(
        plan, request.settings().prior, used,
        image=request.image.name, image_of_file=str(image.taken) if len(image.images) > 1 else None,
        cameras=tuple(UsedCamera.of(_name(image, n), each.found) for n, each in enumerate(cameras)),
        **request.camera.shown(), photons=request.photons,
        **_counting(request), **said,
        filled=None if image.missing is None else str(image.missing),
    )  # fmt: skip
    return Target(request.output, image.about.selected(image.layout), image.layout, request.dtype, provenance, plan)


def _counting(request: FileRequest) -> dict[str, Any]:
    """Returns the options that determine the number of iterations and the initial estimate."""
    return {name: getattr(request, name) for name in ("iterations", "stop", "threshold", "start")}


def _picked(request: FileRequest) -> dict[str, Any]:
    return {"time": request.time, "channel": request.channel}


def _name(image: Opened, number: int) -> str:
    names = image.channel_names
    return names[number] if number < len(names) and names[number] else str(image.layout.channels[number])


def _report(
    request: FileRequest,
    image: Opened,
    target: Target,
    cameras: list[ChannelCamera],
    lines: tuple[str, ...],
    done: SeriesResult,
    seconds: float,
) -> RunSummary:
    per_volume = done.seconds_per_volume
    iterations = max((info.iterations for info in done.info), default=target.plan.iterations)
    notes = dict.fromkeys(note for used in target.provenance.psf for note in used.notes)
    return RunSummary(
        output=request.output,
        shape=image.layout.shape,
        axes=image.layout.axes,
        voxel=image.about.voxel,
        dtype=request.dtype,
        step=done.step,
        iterations=iterations,
        stops=request.ends_itself,
        seconds=seconds,
        seconds_per_iteration=per_volume / iterations if per_volume else None,
        plan=target.plan,
        psf_notes=tuple(notes),
        cameras=tuple(each.found for each in cameras),
        camera_lines=lines,
        taken_off=_taken_off(image, cameras, done),
        volumes=len(image.layout.places),
        provenance=done.provenance,
        bad=done.bad,
        info=done.info,
    )


def _taken_off(image: Opened, cameras: list[ChannelCamera], done: SeriesResult) -> float:
    """Returns offset and background of the first volume that was restored."""
    bad = {volume.place for volume in done.bad}
    found = cameras[next(place.channel for place in image.layout.places if place not in bad)].found
    return found.camera.zero + found.level
