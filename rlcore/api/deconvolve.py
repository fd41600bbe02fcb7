"""The front door: deconvolve a volume."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import Any

from rlcore.algorithm.acceleration import Acceleration
from rlcore.algorithm.boundary import Boundary
from rlcore.algorithm.host_fallback import warn_of_host_fallback
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.regularization import Regularization, prior_of
from rlcore.algorithm.stopping import Iterations, Stop, check_threshold, settled
from rlcore.api.find_iterations import EARLIER, Found, Search
from rlcore.api.request import Request
from rlcore.api.settings import Settings, check_iterations
from rlcore.backend import Backend
from rlcore.backend.host.interrupts import interrupts_noted
from rlcore.errors import InputError
from rlcore.execution.checkpoint import Checkpoint
from rlcore.execution.history import History, Info
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.execution.run import Problem, Run
from rlcore.execution.volumes.statistics import measure
from rlcore.planner import Plan


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
        More iterations sharpen, then amplify noise. With acceleration the optimum comes early: within 10 to 20 at low
        photon counts. "auto" finds the number (at most 200): it holds out 30 % of the photons, runs on the others until
        the held-out ones are explained no better, and then runs on all photons for as many iterations. That takes about
        twice the time.
    acceleration : {"heavy-ball", "biggs", "none"}
        "heavy-ball" starts each step from a point extrapolated from the last two estimates. 13 such iterations fit as
        well as 25 plain ones, 30 as well as 100, for little more time each and one more volume of memory. "biggs"
        extrapolates as far as the last two steps point the same way, which takes another volume, and blocks that
        exchange sums after every iteration.
    regularization : {"none", "tv", "consensus"}
        Keeps the estimate from fitting noise. "tv" is total variation: estimates whose neighbouring voxels differ less
        are preferred. "consensus" splits the counts in two in every iteration and changes a voxel only where both
        halves agree on the direction; it takes two to three times as long, and needs an image in photons.
    tv_weight : float, default 0.002
        Weight of total variation, up to 0.1; 0.01 and more smooth visibly.
    seed : int, default 0
        Seed of the random splits of counts, and of the photons that are held out.
    stop : {"none", "relative-change"}
        "relative-change" stops as soon as the I-divergence changes by less than `threshold` (relative) from one
        iteration to the next; `iterations` is then the maximum.
    threshold : float, optional
        Relative change of the I-divergence for `stop`; 0.01 by default.
    gain : float or pair of float, optional
        For ``iterations="auto"``: image units per photon, or these and the camera's offset; 1 for counts. Both are
        estimated from the image's noise by default.
    start : {"constant", "image"} or array_like
        Initial estimate: the image's mean less the background; the image less the background (at least 0.01 of that
        constant, since a voxel of 0 stays 0); or an estimate of the image's shape.
    backend : str or Backend, default "auto"
        A name that `survey` lists, or a backend itself; `choose_backend` says which one "auto" takes.
    device : str or int, optional
        Which of the backend's devices: an index, or part of a name.
    boundary : {"extended", "zero", "periodic"}
        Object outside the image: estimated from the light that it sends into the image (no artefacts at borders), none,
        or the image repeated.
    background : float, default 0
        Constant part of the image that is not light of the object (camera offset, haze), in the image's units.
    memory : int, float or str, optional
        Memory that may be used of the device (of the host, for backends on the CPU), besides the image: bytes, a
        fraction of what is free, or text such as "4 GiB". By default all that is really free, less a reserve.
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
        goes on from there, by the plan that it began with, and ends with the same bits. One process may use it at a
        time. Removed when the run is finished, after `out.flush()` if `out` has that.
    return_info : bool, default False
        Also return an `Info` with the fit of the model in each iteration. This takes no further transforms; of a large
        image only every n-th plane is compared, which takes 1 or 2 % of a run.

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
        If the backend cannot run, memory or disk is too small, or the checkpoint is of another run, in use or damaged.
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
    _check_helpers(plan, callback, cancel, checkpoint)
    settings = Settings(
        check_iterations(iterations), boundary, background, memory, exchange, tolerance,
        acceleration, prior_of(regularization, tv_weight, seed), stop, threshold, gain,
    )  # fmt: skip
    request = Request.of(
        image, psf, settings, start=start, backend=backend, device=device, out=out, checkpoint=checkpoint
    )
    problem, plans = request.problem, request.plans
    warn_of_host_fallback(problem.backend, settings.acceleration, settings.prior.name)
    statistics = None
    if checkpoint is not None or settings.auto:
        statistics = measure(problem.image, digest=checkpoint is not None)
    state = request.open_checkpoint(statistics)
    with state or contextlib.nullcontext(), interrupts_noted():
        chosen = request.plan_for(plan, state)
        found: Found | None = None
        if settings.auto and statistics is not None:
            if state is not None and state.plan is not None:
                found = Found(chosen.iterations, EARLIER)
            else:
                search = Search(problem, plans, settings.gain, request.result_folder, callback, cancel)
                found = search.run(chosen, statistics)
            chosen = chosen.shortened(found.iterations)
            plans = plans.changed(iterations=found.iterations, stop="none")
        history = _history(problem, settings, state) if return_info or stop != "none" else None
        momentum = MomentumSchedule(settings.acceleration, problem.backend, problem.geometry.image_shape)
        run = Run(problem, plans, request.scratch, momentum, state, history, callback, cancel)
        result, followed = run.follow(chosen, statistics)
    return (result, _info(history, followed, found, momentum)) if history and return_info else result


def _check_helpers(plan: object, callback: object, cancel: object, checkpoint: object) -> None:
    """Refuse arguments that lack what they would be used for, before anything is read."""
    for name, value, fits, wanted in (
        ("plan", plan, isinstance(plan, Plan), "made by make_plan"),
        ("callback", callback, callable(callback), "a function of one Progress"),
        ("cancel", cancel, hasattr(cancel, "is_set"), "a threading.Event"),
        ("checkpoint", checkpoint, isinstance(checkpoint, (str, os.PathLike)), "the path of a folder"),
    ):
        if value is not None and not fits:
            raise InputError(f"{name} of type {type(value).__name__!r} cannot be used; it must be {wanted}")


def _history(problem: Problem, settings: Settings, state: Checkpoint | None) -> History:
    """Records the fit of the model, and ends the run if a stopping rule is chosen."""
    rule = settled(check_threshold(settings.threshold, settings.stop)) if settings.stop != "none" else None
    known = None if state is None else state.state.history
    return History(problem.backend, problem.geometry.image_shape, rule=rule, known=known)


def _info(history: History, plan: Plan, found: Found | None, momentum: MomentumSchedule) -> Info:
    """The history of a finished run, with the reason why it ended."""
    info = history.info(history.stop or plan.iterations, momentum)
    if history.stop:
        return replace(info, stopped="the divergence changed by no more than the threshold")
    if found is None:
        return info
    gain, offset = (found.photons.gain, found.photons.offset) if found.photons else (None, None)
    return replace(info, stopped=found.stopped, held_out=found.held_out, gain=gain, offset=offset)
