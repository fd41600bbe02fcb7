"""The front door: deconvolve a volume."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlcore.acceleration import Acceleration, check_acceleration
from rlcore.backend import Backend
from rlcore.boundary import Boundary, check_boundary
from rlcore.caution import caution
from rlcore.detours import warn_of_detours
from rlcore.execution.checkpoint import Checkpoint
from rlcore.execution.engine import ReplanWarning, Run, execute
from rlcore.execution.progress import Callback, CancelEvent, Reporter
from rlcore.execution.record import TOLD, Info, Record
from rlcore.execution.scan import Scan, scan
from rlcore.execution.working import WorkingVolumes, check_disk
from rlcore.held_out import EARLIER, Found, look_for_iterations
from rlcore.pace import Pace
from rlcore.planner import Plan
from rlcore.regularization import Regularization, Regularizer, prior_of
from rlcore.request import Request, Settings
from rlcore.resources import plan_within, smaller_plan
from rlcore.source import Source, check_background, open_source
from rlcore.start import check_start, start_store
from rlcore.stopping import Iterations, Stop, check_stop, check_threshold, settled


def deconvolve(
    image: Any,
    psf: Any,
    *,
    iterations: Iterations = 15,
    acceleration: Acceleration = "heavy-ball",
    regularization: Regularization = "none",
    tv_weight: float | None = None,
    seed: int = 0,
    stop: Stop = "none",
    threshold: float | None = None,
    gain: float | tuple[float, float] | None = None,
    start: Any = "constant",
    backend: str | Backend[Any] = "auto",
    device: str | int | None = None,
    boundary: Boundary = "extended",
    background: float = 0.0,
    memory: int | float | str | None = None,
    plan: Plan | None = None,
    exchange: bool = True,
    tolerance: float | None = None,
    out: Any = None,
    callback: Callback | None = None,
    cancel: CancelEvent | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    return_info: bool = False,
) -> Any:
    """Restore a volume by Richardson-Lucy deconvolution.

    Parameters
    ----------
    image : array_like
        Measured counts on 2 or 3 axes, (y, x) or (z, y, x): anything with `shape`, `dtype` and slicing, such as a NumPy
        array, a memory map or a zarr array; or an array of an array-API library.
    psf : array_like or PSF
        Point spread function on as many axes and with the same voxel size, of any size, odd or even. Its centre is
        voxel P//2 of P; for anything else, or to take a background off, see `prepare_psf`.
    iterations : int or "auto", default 15
        More sharpen more, and then fit noise: accelerated ones pass their best soon, at few photons within 10 or 20.
        "auto" finds out how many (at most 200): it holds out 30 % of the photons, runs on the others until those held
        out are explained no better, and then runs on all of them for as long. That takes about twice the time.
    acceleration : {"heavy-ball", "biggs", "none"}
        "heavy-ball" starts each step from a point predicted from the last two estimates. 13 such iterations fit as well
        as 25 plain ones, 30 as well as 100, for little more time each and one more volume of memory. "biggs" predicts
        as far as the last two steps point the same way, which takes another volume, and blocks that meet after every
        iteration.
    regularization : {"none", "tv", "consensus"}
        What holds the estimate back from fitting noise. "tv" is total variation: neighbouring voxels that differ less
        are preferred. "consensus" splits the counts in two in every iteration and moves a voxel only where both halves
        agree which way; it takes two to three times as long, and an image in photons.
    tv_weight : float, default 0.002
        How much total variation counts, up to 0.1; 0.01 and more smooth visibly.
    seed : int, default 0
        Of the coins that split counts, and of those that hold photons out.
    stop : {"none", "relative-change"}
        "relative-change" ends a run of a stated number of iterations earlier, with the first that begins with an
        I-divergence that differs from the last one's by no more than a share of it.
    threshold : float, optional
        That share; 0.01 by default.
    gain : float or pair of float, optional
        For ``iterations="auto"``: image units per photon, or these and the camera's offset; 1 for counts. Both are
        estimated from the image's noise by default.
    start : {"constant", "image"} or array_like
        What the iterations start from: the image's mean less the background; the image less the background (at least
        0.01 of that constant, since what is 0 stays 0); or an estimate of one's own, of the image's shape.
    backend : str or Backend, default "auto"
        A name that `survey` lists, or a backend itself; `choose_backend` tells what "auto" takes.
    device : str or int, optional
        Which of the backend's devices: an index, or part of a name.
    boundary : {"extended", "zero", "periodic"}
        What lies outside the image: light that the image itself tells of (no artefacts at borders), nothing, or the
        image repeated.
    background : float, default 0
        Constant part of the image that is not light of the object (camera offset, haze), in the image's units.
    memory : int, float or str, optional
        What may be used of the device (of the host, for backends on the CPU), besides the image: bytes, a fraction of
        what is free, or text such as "4 GiB". What is really free, less a reserve, by default.
    plan : Plan, optional
        Made by `make_plan`; made here by default.
    exchange : bool, default True
        False asks for independent blocks, which are not exact: their error is about `tolerance` (1e-3 by default).
    out : array_like, optional
        Takes the result, block by block: anything with `shape` and slice assignment.
    callback : callable, optional
        Called with a `Progress` after each iteration or block; returning False stops the run.
    cancel : threading.Event, optional
        Stops the run when set.
    checkpoint : path, optional
        A folder for the run's state. A run that was stopped, or killed, and is started again with the same arguments
        goes on from there and ends with the same bits. Removed when the run is finished.
    return_info : bool, default False
        Also return an `Info`: how well the model fitted in each iteration. It takes no further transforms; of a large
        image it looks at every n-th plane only, which takes 1 or 2 % of a run.

    Returns
    -------
    array of float32, of the image's shape
        `out` if that was given; an array of the image's own library if it is one of an array-API library.
    Info
        Beside it, if `return_info`.

    Raises
    ------
    InputError
        If image, PSF or an option cannot be used.
    BackendError, BudgetError, CheckpointError
        If the backend cannot run, memory or disk is too small, or the checkpoint is of another run.
    Cancelled
        If the callback or `cancel` stopped the run.

    Notes
    -----
    ``f <- f * w * H^T (g / (H f + b))`` from a constant start (Richardson 1972, Lucy 1974), with the exact adjoint
    H^T and, for "extended", the estimate reaching beyond the image and w = 1 / (H^T 1) (Bertero & Boccacci 2005);
    accelerated after Wang & Miller (2014) or Biggs & Andrews (1997), regularized after Dey et al. (2006) or by gradient
    consensus (Manton & York). The result does not depend on backend or plan beyond float32 rounding.

    Examples
    --------
    >>> import numpy as np, rlcore
    >>> image = np.zeros((9, 9), np.float32)
    >>> image[3:6, 3:6] = 1
    >>> restored = rlcore.deconvolve(image, np.ones((3, 3)), iterations=50, backend="numpy")
    >>> np.unravel_index(restored.argmax(), restored.shape) == (4, 4)
    True
    """
    settings = Settings(
        iterations, check_boundary(boundary), background, memory, exchange, tolerance,
        check_acceleration(acceleration), prior_of(regularization, tv_weight, seed),
        check_stop(stop), threshold, gain,
    )  # fmt: skip
    request = Request.of(image, psf, settings, backend, device, out)
    start, known = check_start(start, request, digest=checkpoint is not None)
    request = replace(request, start=start)
    warn_of_detours(request.backend, settings.acceleration, settings.prior.name)
    seen = scan(request.image, digest=checkpoint is not None) if checkpoint is not None or request.auto else None
    state = None if checkpoint is None or seen is None else Checkpoint(checkpoint, request.identity(seen.digest, known))
    before = state.plan if state else None
    chosen = plan or before or plan_within(request.job(state is not None), request.backend, settings)
    found: Found | None = None
    if request.auto and seen is not None:
        found = Found(before.iterations, EARLIER) if before else _look(request, chosen, seen, callback, cancel)
        request, chosen = request.of_iterations(found.iterations), chosen.shortened(found.iterations)
    request.check_plan(chosen)
    source, chosen = _open(request, chosen, seen)
    source.check()
    settings.prior.check(source.scan.maximum)
    folder = request.scratch_parent(checkpoint)
    if before is None:
        check_disk(folder, chosen.scratch_bytes)
        if state is not None:
            state.start(chosen)
    record = _record(request, None if state is None else state.folder / TOLD) if return_info or stop != "none" else None
    reporter = Reporter(callback, cancel, chosen.iterations)
    pace = Pace(settings.acceleration, request.backend, request.geometry.image_shape)
    result = _run(request, source, chosen, state, folder, reporter, record, pace)
    return (result, _info(record, chosen, found, pace)) if record and return_info else result


def _look(request: Request, plan: Plan, seen: Scan, callback: Callback | None, cancel: CancelEvent | None) -> Found:
    """How many iterations it takes. Nothing of this is kept: a run that is killed meanwhile looks again."""
    request.check_plan(plan)
    check_background(request.settings.background, seen)
    request.settings.prior.check(seen.maximum)
    folder = request.scratch_parent(None)

    def run(thinned: Request, plan: Plan, record: Record) -> None:
        source, plan = _open(thinned, plan, None)
        check_disk(folder, plan.scratch_bytes)
        reporter = Reporter(callback, cancel, plan.iterations, looking=True)
        pace = Pace(thinned.settings.acceleration, thinned.backend, thinned.geometry.image_shape)
        _run(thinned, source, plan, None, folder, reporter, record, pace)

    return look_for_iterations(request, plan, seen, folder, run)


def _record(request: Request, file: Path | None) -> Record:
    """What notes how the model fits, and ends the run if it is to end by that."""
    settings = request.settings
    rule = settled(check_threshold(settings.threshold, settings.stop)) if settings.stop != "none" else None
    return Record(request.backend, request.geometry.image_shape, rule=rule, file=file)


def _info(record: Record, plan: Plan, found: Found | None, pace: Pace) -> Info:
    """What happened in a run that is over."""
    told = record.info(record.stop or plan.iterations, pace)
    if record.stop:
        return replace(told, stopped="the divergence changed by no more than the threshold")
    if found is None:
        return told
    gain, offset = (found.photons.gain, found.photons.offset) if found.photons else (None, None)
    return replace(told, stopped=found.stopped, held_out=found.held_out, gain=gain, offset=offset)


def _open(request: Request, plan: Plan, seen: Scan | None) -> tuple[Source, Plan]:
    """The image as a run reads it; by a smaller plan, and with a word, where the device has no room for it."""
    while True:
        try:
            return open_source(request, plan, seen), plan
        except MemoryError as error:
            cause = str(error) or "memory ran out"
        plan = smaller_plan(plan, request.job(seen is not None), request.backend, request.settings)
        caution(f"{cause}; starting by a smaller plan: {plan}", ReplanWarning)


def _run(
    request: Request,
    source: Source,
    plan: Plan,
    state: Checkpoint | None,
    folder: Path,
    reporter: Reporter,
    record: Record | None,
    pace: Pace,
) -> Any:
    """Run the plan on everything that is now checked and open."""
    result = request.result()
    volumes = WorkingVolumes(
        request.backend,
        request.geometry,
        start_store(request, source),
        result,
        carried=pace.carried,
        scratch_parent=folder,
        checkpoint=state,
    )
    with volumes:
        run = Run(
            backend=request.backend,
            psf=request.psf,
            image=source.store,
            volumes=volumes,
            background=source.background,
            floor=source.floor,
            chunks=request.chunks,
            reporter=reporter,
            checkpoint=state,
            record=record,
            pace=pace,
            regularizer=Regularizer(request.settings.prior, request.backend, request.geometry, source.start),
            replan=lambda old: smaller_plan(old, request.job(False), request.backend, request.settings),
            gather=request.out is None,
        )
        volumes.deliver(execute(run, plan), result, request.chunks)
    if state is not None:
        state.remove()
    return result.finish()
