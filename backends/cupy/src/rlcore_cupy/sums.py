"""Sums over voxels, as a part of the backend."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from rlcore.backend import Box, Fit, InnerProducts, Summary
from rlcore_cupy.arrays import Array, Momentum, Padded, Ratio, box_arguments, momentum_arguments
from rlcore_cupy.base import DeviceBackend, on_device
from rlcore_cupy.elementwise import THREADS, kernel, lines
from rlcore_cupy.kernel_cache import small_array
from rlcore_cupy.library import cupy

BLOCKS = 1056
"""Largest number of blocks of threads, each of which leaves its own sums for the host to add up."""


class Sums(DeviceBackend):
    """Sums over the voxels of an array, or over those of a box or of some planes."""

    @on_device
    def summary(self, array: Array) -> Summary:
        voxels = self._voxels(array)
        shape = np.int32(voxels.shape[-1]), np.int32(voxels.rows)
        found = _run("summary", voxels.rows, 3, *shape, *lines(voxels)).get()
        return Summary(float(found[:, 0].min()), float(found[:, 1].max()), float(found[:, 2].sum()))

    @on_device
    def planes(self, array: Array, first: int, step: int, count: int) -> Padded:
        return self._transforms.planes(self._dense(array), first, step, count)

    @on_device
    def fit(self, image: Array, blurred: Array, *, background: float, floor: float, inside: Box) -> Fit:
        data, model = self._voxels(image), self._voxels(blurred)
        numbers = Ratio(data, background, floor, inside).numbers
        found = _run("fit", math.prod(inside.shape[:-1]), 3, *lines(data, model), *numbers).get()
        return Fit(*map(float, found.sum(axis=0)))

    @on_device
    def inner_products(
        self, estimate: Array, point: Array, previous: Array, before: Array, *, inside: Box
    ) -> InnerProducts:
        voxels = [self._voxels(array) for array in (estimate, point, previous, before)]
        arguments = *lines(*voxels), *box_arguments(voxels[0].shape, inside)
        found = _run("inner_products", math.prod(inside.shape[:-1]), 2, *arguments).get()
        return InnerProducts(*map(float, found.sum(axis=0)))

    @on_device
    def momentum(
        self, estimate: Array, point: Array, previous: Array, before: Array, *, inside: Box, maximum: float
    ) -> Momentum:
        newest, older, start = (self._voxels(array) for array in (estimate, previous, before))
        # made by the same kernel where it is still pending
        place, step = self._dense(point), None
        if (pending := self._transforms.point_of(place, older)) is not None:
            step = pending.numbers
            place.become("real")
        shape = np.int32(place.shape[-1]), np.int32(place.rows)
        arguments = *shape, *lines(newest, place, older, start), *box_arguments(place.shape, inside)
        count, stored = _finished_blocks(*_stream()), cupy.empty(1, cupy.float32)
        extrapolation = np.int32(step is not None), *(step or _NO_STEP), np.float32(maximum)
        blocks = min(place.rows, BLOCKS)
        found = cupy.empty((blocks, 2), cupy.float64)
        kernel("momentum", "sums")((blocks,), (THREADS,), (*arguments, *extrapolation, found, count, stored))
        ready = cupy.cuda.Event(disable_timing=True)
        ready.record()
        return Momentum(stored, ready)


_NO_STEP = *momentum_arguments(0.0), np.float32(0)
"""Kernel arguments in the place of an extrapolation's, where there is none."""


def _stream() -> tuple[int, int]:
    """The current device and stream."""
    return int(cupy.cuda.runtime.getDevice()), int(cupy.cuda.get_current_stream().ptr)


@cache
def _finished_blocks(_device: int, _stream: int) -> Any:
    """The number of blocks of threads that have finished: a stream runs one kernel at a time, which ends with 0."""
    return small_array([0], np.uint32)


def _run(name: str, rows: int, count: int, *arguments: Any) -> Any:
    """The sums of each block of threads of a kernel that goes through so many rows, on the device."""
    blocks = min(rows, BLOCKS)
    found = cupy.empty((blocks, count), cupy.float64)
    kernel(name, "sums")((blocks,), (THREADS,), (*arguments, found))
    return found
