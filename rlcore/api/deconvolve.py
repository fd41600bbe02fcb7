"""The front door: deconvolve a volume."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import Any, Literal

from rlcore.algorithm.acceleration import Acceleration
from rlcore.algorithm.boundary import Boundary
from rlcore.algorithm.host_fallback import warn_of_host_fallback
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.photon_noise import noise_level
from rlcore.algorithm.photons import NoPhotonsToHoldOut
from rlcore.algorithm.regularization import Prior, Regularization, prior_of
from rlcore.algorithm.stopping import DEFAULT_ITERATIONS, Iterations, Stop, check_threshold, settled
from rlcore.api.camera import Seen, sampled_voxels
from rlcore.api.doubts import over_iterated, unexplained
from rlcore.api.find_iterations import EARLIER, SMALLEST_PART, Found, Search
from rlcore.api.request import Request
from rlcore.api.settings import Settings, check_iterations
from rlcore.backend import Backend
from rlcore.backend.host.interrupts import interrupts_noted
from rlcore.errors import BudgetError, InputError, caution
from rlcore.execution.checkpoint import Checkpoint
from rlcore.execution.history import History, Info
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.execution.run import Problem, Run
from rlcore.execution.volumes.image import ImageWarning
from rlcore.planner import Plan


def deconvolve(
    image: Any,
    psf: Any,
    *,
    iterations: Iterations = "auto",
    acceleration: Acceleration = "heavy-ball",
    regularization: Regularization = "none",
    tv_weight: float | Literal["auto"] | None = None,
    seed: int = 0,
    stop: Stop = "none",
    threshold: float | None = None,
    offset: Any = "auto",
    gain: Any = None,
    background: float | Literal["auto"] = "auto",
    weights: Any = None,
    hot_pixels: Any = "find",
    start: Any = "constant",
    backend: str | Backend[Any] = "auto",
    device: str | int | None = None,
    boundary: Boundary = "extended",
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
    iterations : int or "auto", default "auto"
        More iterations sharpen, then amplify noise. With acceleration the optimum comes early: within 10 to 20 at low
        photon counts. "auto" finds the number (at most 200): it holds out 30 % of the photons of a part of the image,
        runs on the others until the held-out ones are explained no better, and then runs on all of the image for as
        many iterations. 15, with a warning, where the image does not tell its photons. With `stop` it is at most 200.
    acceleration : {"heavy-ball", "biggs", "none"}
        "heavy-ball" starts each step from a point extrapolated from the last two estimates. 13 such iterations fit as
        well as 25 plain ones, 30 as well as 100, for little more time each and one more volume of memory. "biggs"
        extrapolates as far as the last two steps point the same way, which takes another volume, and blocks that
        exchange sums after every iteration.
    regularization : {"none", "tv", "consensus"}
        Keeps the estimate from fitting noise. "tv" is total variation: estimates whose neighbouring voxels differ less
        are preferred. "consensus" splits the counts in two in every iteration and changes a voxel only where both
        halves agree on the direction; it takes two to three times as long, and needs an image in photons.
    tv_weight : float or "auto", default "auto"
        Weight of total variation, up to 0.1; 0.01 and more smooth visibly. "auto" follows the photons of the object, so
        that it costs nothing at much light: at most 0.002, which is taken where the image does not tell its photons.
    seed : int, default 0
        Seed of the random splits of counts, and of the photons that are held out.
    stop : {"none", "relative-change"}
        "relative-change" stops as soon as the I-divergence changes by less than `threshold` (relative) from one
        iteration to the next; `iterations` is then the maximum.
    threshold : float, optional
        Relative change of the I-divergence for `stop`; 0.01 by default.
    offset : float, "auto", Camera or array_like, default "auto"
        Image units that the camera adds to every voxel, without light: a number, or a dark frame of the image's shape
        or of its last two axes. It is taken off, and so is no light of the result. "auto" estimates it from the image's
        noise, and warns of what it takes off; it is 0 for an image whose noise shows no camera. A `Camera` says gain
        and read noise too, so that nothing is estimated.
    gain : float, "auto" or array_like, optional
        Image units per photon, 1 for photons: a number, or a map like `offset`, by whose share of its mean the image is
        divided. Estimated from the image's noise by default. A pair of numbers is gain and offset.
    background : float or "auto", default "auto"
        Light that is not the object's (haze, out of the sample), the same everywhere, in image units above the offset.
        "auto" takes the level of the darkest parts of an image whose noise is that of photons; 0 for others.
    weights : array_like or "finite", optional
        How much each voxel of the image counts, from 0 for one that is no data; of the image's shape or of its last two
        axes. "finite" leaves out voxels that are NaN or infinite. The mask of a masked array does so too.
    hot_pixels : {"find", "keep"} or array_like of bool, default "find"
        Pixels that are no data, such as hot ones, like `weights`. "find" looks for them, and for saturated voxels, in
        images of a camera, and warns of how many there are.
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
        In the image's units, without offset and background, so that its sum is that of the light in the image. `out` if
        that was given; an array of the image's own library if it is one of an array-API library.
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
    The image g is ``offset + gain * n``, with ``(H f + b) / gain`` photons n to be expected. With the offset taken off
    g, ``f <- f * w * H^T (m g / (H f + b))`` from a constant start (Richardson 1972, Lucy 1974), with data weights m,
    the exact adjoint H^T and, for "extended", the estimate reaching beyond the image and w = 1 / (H^T m) (Bertero &
    Boccacci 2005); read noise counts as photons (Snyder, Hammoud & White 1993); accelerated after Wang & Miller (2014)
    or Biggs & Andrews (1997), regularized after Dey et al. (2006) or by gradient consensus (Manton & York). The result
    does not depend on backend or plan beyond float32 rounding.

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
        check_iterations(iterations), boundary, memory, exchange, tolerance,
        acceleration, prior_of(regularization, tv_weight, seed), stop, threshold,
    )  # fmt: skip
    request = Request.of(
        image, psf, settings, start=start, backend=backend, device=device, out=out, checkpoint=checkpoint,
        camera={
            "offset": offset, "gain": gain, "background": background, "weights": weights, "hot_pixels": hot_pixels,
        },
    )  # fmt: skip
    warn_of_host_fallback(request.problem.backend, settings.acceleration, settings.prior.name)
    request, seen = request.with_camera()
    problem = request.problem
    statistics = problem.source.measure(digest=True) if checkpoint is not None else None
    state = request.open_checkpoint(statistics)
    with state or contextlib.nullcontext(), interrupts_noted():
        found: Found | None = None
        if settings.auto:
            found = _find(request, seen, plan, state, callback, cancel)
            request = request.of_iterations(found.iterations)
        chosen = request.plan_for(plan, state)
        history = _history(problem, settings, state) if return_info or stop != "none" else None
        momentum = MomentumSchedule(settings.acceleration, problem.backend, problem.geometry.image_shape)
        run = Run(problem, request.plans, request.scratch, momentum, state, history, callback, cancel)
        result, followed = run.follow(chosen, statistics)
        if history is None:
            return result
        info = _info(history, followed, found, seen, problem.prior, momentum)
        _warn_of_noise(problem, seen, info)
    return (result, info) if return_info else result


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


def _find(
    request: Request,
    seen: Seen,
    plan: Plan | None,
    state: Checkpoint | None,
    callback: Callback | None,
    cancel: CancelEvent | None,
) -> Found:
    """The number of iterations: of an earlier part of the run, or by held-out photons; the default if they cannot tell.

    The reason why they cannot is told as a warning.
    """
    if state is not None and state.plan is not None:
        return Found(state.plan.iterations, EARLIER)
    try:
        # the search takes no more memory than the run will, beside what plans allow for all that does not grow: of the
        # smallest part a copy, its held-out photons, and planes that are compared
        room = request.plan_for(plan, state).memory_bytes + 48 * SMALLEST_PART
        plans = replace(request.plans, memory=room)
        return Search(request.problem, plans, seen.camera, request.result_folder, callback, cancel).run()
    except (NoPhotonsToHoldOut, BudgetError) as error:
        caution(
            f"{error}; {DEFAULT_ITERATIONS} iterations are run. Give gain= (1 if values are photons), or iterations a "
            "number",
            ImageWarning,
        )
        return Found(DEFAULT_ITERATIONS, f"no number of iterations could be found: {error}")


def _warn_of_noise(problem: Problem, seen: Seen, info: Info) -> None:
    """Warn of a run that fits noise, or of one that leaves far more than noise."""
    gain = seen.camera.gain
    if gain is None or info.divergence[-1] is None:
        return
    level = noise_level(sampled_voxels(problem) - problem.offset, gain)
    doubt = over_iterated(info, level, problem.prior.name) or unexplained(info, level)
    if doubt is not None:
        caution(doubt, ImageWarning)


def _info(
    history: History, plan: Plan, found: Found | None, seen: Seen, prior: Prior, momentum: MomentumSchedule
) -> Info:
    """The history of a finished run, with the reason why it ended, and what was found of the camera."""
    camera = seen.camera
    info = replace(
        history.info(history.stop or plan.iterations, momentum),
        gain=camera.gain, offset=camera.zero, background=seen.background, excluded=seen.excluded, camera=str(camera),
        tv_weight=prior.chosen_weight,
    )  # fmt: skip
    if history.stop:
        return replace(info, stopped="the divergence changed by no more than the threshold")
    return info if found is None else replace(info, stopped=found.stopped, held_out=found.held_out)
