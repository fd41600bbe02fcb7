"""Plans without a run: the way in which `deconvolve` would restore a volume."""

from __future__ import annotations

import operator
from typing import Any

from rlcore.algorithm.acceleration import Acceleration
from rlcore.algorithm.boundary import Boundary, Geometry
from rlcore.algorithm.regularization import Regularization, prior_of
from rlcore.algorithm.stopping import Iterations, Stop
from rlcore.api.settings import Settings
from rlcore.backend import Backend
from rlcore.backend.boxes import Shape
from rlcore.backend.discovery.selection import choose_backend
from rlcore.errors import InputError
from rlcore.planner import Job, Plan
from rlcore.planner.within_memory import PlanMaker

_LONGEST = 1 << 32
"""Voxels along an axis up to which plans are made: more than any file has, and few enough for sums of 64 bits."""


def make_plan(
    image_shape: Shape,
    psf_shape: Shape,
    *,
    iterations: Iterations = "auto",
    acceleration: Acceleration = "heavy-ball",
    regularization: Regularization = "none",
    stop: Stop = "none",
    backend: str | Backend[Any] = "auto",
    device: str | int | None = None,
    boundary: Boundary = "extended",
    memory: int | float | str | None = None,
    exchange: bool = True,
    tolerance: float | None = None,
) -> Plan:
    """Plan a call of `deconvolve` without running it; ``print(plan)`` describes the plan in two sentences.

    Parameters
    ----------
    image_shape, psf_shape : tuple of int
        Shapes of 2 or 3 axes. The PSF's centre is taken at P//2.
    iterations, acceleration, regularization, stop, backend, device, boundary, memory, exchange, tolerance
        As for `deconvolve`. With ``iterations="auto"`` it is the plan of as many as there may be, which the run
        shortens.

    Returns
    -------
    Plan
        The image is not counted. The result is, if it fits in memory; it has to go to `out` otherwise.

    Raises
    ------
    BudgetError
        If the memory is too little; the message names the smallest that would do.

    Examples
    --------
    >>> import rlcore
    >>> plan = rlcore.make_plan((64, 256, 256), (15, 15, 15), backend="numpy", memory="1 GiB")
    >>> plan.is_whole
    True
    """
    settings = Settings(
        iterations, boundary, memory, exchange, tolerance, acceleration, prior_of(regularization, None, 0), stop
    )
    image_shape, psf_shape = _check_shapes(image_shape, psf_shape)
    engine = choose_backend(backend, device).backend
    geometry = Geometry(image_shape, psf_shape, tuple(p // 2 for p in psf_shape), settings.boundary)
    job = Job(
        geometry.trimmed(), settings.maximum_iterations,
        acceleration=settings.acceleration, regularization=settings.prior.name, stop=settings.stop,
    )  # fmt: skip
    return PlanMaker(job, engine, settings.memory, settings.error).best(anywhere=True)


def _check_shapes(image_shape: Shape, psf_shape: Shape) -> tuple[Shape, Shape]:
    try:
        image_shape, psf_shape = tuple(map(operator.index, image_shape)), tuple(map(operator.index, psf_shape))
    except TypeError as error:
        raise InputError(f"shapes {image_shape!r} and {psf_shape!r} are not tuples of whole numbers") from error
    if len(image_shape) not in (2, 3) or len(psf_shape) != len(image_shape) or min(image_shape + psf_shape) < 1:
        raise InputError(f"shapes {image_shape} and {psf_shape} do not go together; give each 2 or 3 positive sizes")
    if max(image_shape + psf_shape) > _LONGEST:
        raise InputError(f"shapes {image_shape} and {psf_shape} are too large; {_LONGEST} is the longest axis")
    return image_shape, psf_shape
