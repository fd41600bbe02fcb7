"""Plain Richardson-Lucy iterations from the image, which all of RedLionfish's functions share."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.api.deconvolve import deconvolve
from rlcore.backend import Backend, Volume
from rlcore.backend.discovery.selection import choose_backend
from rlcore.errors import BackendError, InputError
from rlcore.execution.progress import Progress
from rlcore.execution.volumes.arguments import refuse_masked
from rlcore.execution.volumes.statistics import check_image, measure
from rlcore.optics.psf import prepare_psf

Tick = Callable[[], object]
"""Callback of RedLionfish, called without arguments once per iteration."""

_log = logging.getLogger("rlcore.compat.redlionfish")
_ON_CPU = ("pyfftw", "numpy")
"""Backends for ``method="cpu"``, the fastest first."""


def restore(data: npt.ArrayLike, psf: npt.ArrayLike, niter: int, backend: Backend[Any], tick: Tick | None) -> Volume:
    """Restores a volume in float32 by `niter` iterations; 0 of them return the volume itself.

    Raises
    ------
    RLCoreError
        If `niter` is no whole number of at least 0, an array has other than 3 axes, or `rlcore.deconvolve` raises it.
    """
    count = _checked_count(niter)
    if tick is not None and not callable(tick):
        raise InputError(f"callbkTickFunc of type {type(tick).__name__!r} cannot be called; give a function")
    image, kernel = checked_volume(data, "data"), checked_volume(psf, "psf")
    if count == 0:
        # refused all the same are arrays that a single iteration would refuse
        check_image(image)
        measure(image)
        prepare_psf(kernel)
        return image.astype(np.float32)
    callback = None if tick is None else Ticks(tick, count)
    result = deconvolve(
        image, kernel, iterations=count, acceleration="none", start="image", offset=0, background=0, hot_pixels="keep",
        backend=backend, callback=callback,
    )  # fmt: skip
    return np.asarray(result, np.float32)


def backend_for(method: str) -> Backend[Any]:
    """Returns a backend for RedLionfish's "gpu" or "cpu"; a CPU's for "gpu" where no GPU works, said in the log."""
    if method == "gpu":
        choice = choose_backend()
        if choice.backend.facts.on_host:
            _log.warning("no GPU can be used; %s", choice)
        return choice.backend
    if method != "cpu":
        raise InputError(f"method {method!r} is not known; choose 'gpu' or 'cpu'")
    problems = []
    for name in _ON_CPU:
        try:
            return choose_backend(name).backend
        except BackendError as error:
            problems.append(str(error))
    raise BackendError("; ".join(problems))


def checked_volume(volume: npt.ArrayLike, name: str) -> Volume:
    """Returns a volume as an array; raises InputError unless it has 3 axes."""
    refuse_masked(volume, name)
    try:
        array = np.asarray(volume)
    except ValueError as error:
        raise InputError(f"{name} of type {type(volume).__name__!r} is no array: {error}") from error
    if array.ndim != 3:
        raise InputError(f"{name} has {array.ndim} axes, shape {array.shape}; give it 3: (z, y, x)")
    return array


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Returns a shape as a tuple; raises InputError unless it is three lengths of at least 1."""
    lengths = tuple(int(length) for length in shape)
    if len(lengths) != 3 or min(lengths) < 1:
        raise InputError(f"shape {lengths} is not three lengths of at least 1: (z, y, x)")
    return lengths


def _checked_count(niter: int) -> int:
    try:
        count = operator.index(niter)
    except TypeError:
        count = -1
    if count < 0:
        raise InputError(f"niter {niter!r} is not a whole number of at least 0")
    return count


class Ticks:
    """A progress callback that calls a `Tick` once per iteration, however many blocks there are."""

    def __init__(self, tick: Tick, count: int) -> None:
        self._tick, self._count, self._called = tick, count, 0

    def __call__(self, progress: Progress) -> None:
        # Rounded first, since the product may fall short of a whole number of iterations by a rounding error.
        while self._called < round(progress.fraction * self._count, 6) // 1:
            self._called += 1
            self._tick()
