"""Where a run starts from: a constant, the image, or an estimate of the caller's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from rlcore.backend import Backend, Volume, real_dtype
from rlcore.blocks import Block, Box, runs
from rlcore.boundary import Geometry
from rlcore.errors import InputError
from rlcore.execution.mapped import release
from rlcore.execution.scan import scan
from rlcore.execution.stores import ConstantStore, Store
from rlcore.request import Request
from rlcore.source import Source

STARTS = "constant", "image"
LEAST_START = 0.01
"""Least value of a start from the image, as a share of its mean: what is 0 stays 0, for steps are factors."""


def check_start(start: Any, request: Request, *, digest: bool) -> tuple[Any, str]:
    """A name, or an array that can be started from; and what tells it from others, of an array only if asked."""
    if isinstance(start, str):
        if start not in STARTS:
            raise InputError(f"start {start!r} is unknown; choose 'constant' or 'image', or give an array")
        return start, start
    start = start if hasattr(start, "shape") and hasattr(start, "dtype") else np.asarray(start)
    shape = request.geometry.image_shape
    if tuple(start.shape) != shape:
        raise InputError(f"start has shape {tuple(start.shape)}; it must have the image's, {shape}")
    try:
        seen = scan(start, digest=digest)
    except InputError as error:
        raise InputError(f"start{str(error).removeprefix('image')}") from error
    if seen.negative:
        raise InputError(f"start has {seen.negative} negative voxels, as no estimate has; raise them to 0")
    if seen.maximum == 0:
        raise InputError("start is 0 throughout, and would stay so; give one with light in it")
    return start, seen.digest


class ArrayStart:
    """A start that is an array inside the image, and a constant wherever else light may be."""

    loads_copies = True

    def __init__(
        self, backend: Backend[Any], geometry: Geometry, values: Callable[[tuple[slice, ...]], Volume], constant: float
    ) -> None:
        self._backend, self._geometry, self._values, self._constant = backend, geometry, values, constant

    def load(self, box: Box, spare: Any = None) -> Any:
        """The box as a real array on the device."""
        geometry = self._geometry
        block = np.zeros(box.shape, real_dtype(self._backend))
        if not geometry.wraps:
            block[box.intersect(geometry.domain).slices(box.start)] = self._constant
        ends = zip(box.start, box.stop, geometry.image_shape, strict=True)
        axes = [list(runs(a, b, n, wrap=geometry.wraps)) for a, b, n in ends]
        for chosen in itertools.product(*axes):
            block[tuple(run[1] for run in chosen)] = self._values(tuple(run[0] for run in chosen))
        return self._backend.upload(block)

    def save(self, array: Any, block: Block) -> None:
        raise TypeError("a start cannot be written")


def start_store(request: Request, source: Source) -> Store:
    """What the request starts from."""
    backend, geometry, constant = request.backend, request.geometry, source.start
    if isinstance(request.start, str) and request.start == "constant":
        return ConstantStore(backend, geometry.domain, constant, wraps=geometry.wraps)
    array = request.image if isinstance(request.start, str) else request.start
    least = LEAST_START * constant if isinstance(request.start, str) else 0.0
    less = source.background if isinstance(request.start, str) else 0.0

    def values(part: tuple[slice, ...]) -> Volume:
        taken = request.to_host(array[part])
        release(array)
        return np.maximum(taken - less, least)

    return ArrayStart(backend, geometry, values, constant)
