"""Sums over voxels, as a part of the backend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rlcore.backend import Box, Fit, InnerProducts, Summary
from rlcore_cupy.arrays import Array, Momentum, Padded, Ratio, box_arguments
from rlcore_cupy.base import DeviceBackend, on_device
from rlcore_cupy.elementwise import THREADS, kernel, lines
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
        found = self._inner_products((estimate, point, previous, before), inside).get()
        return InnerProducts(*map(float, found.sum(axis=0)))

    @on_device
    def momentum(
        self, estimate: Array, point: Array, previous: Array, before: Array, *, inside: Box, maximum: float
    ) -> Momentum:
        found = self._inner_products((estimate, point, previous, before), inside)
        stored = cupy.empty(1, cupy.float32)
        arguments = np.int32(len(found)), found, np.float32(maximum), stored
        kernel("momentum", "sums")((1,), (THREADS,), arguments)
        ready = cupy.cuda.Event(disable_timing=True)
        ready.record()
        return Momentum(stored, ready)

    def _inner_products(self, arrays: tuple[Array, ...], inside: Box) -> Any:
        """The two sums of each block of threads, on the device."""
        voxels = [self._voxels(array) for array in arrays]
        arguments = *lines(*voxels), *box_arguments(voxels[0].shape, inside)
        return _run("inner_products", math.prod(inside.shape[:-1]), 2, *arguments)


def _run(name: str, rows: int, count: int, *arguments: Any) -> Any:
    """The sums of each block of threads of a kernel that goes through so many rows, on the device."""
    blocks = min(rows, BLOCKS)
    found = cupy.empty((blocks, count), cupy.float64)
    kernel(name, "sums")((blocks,), (THREADS,), (*arguments, found))
    return found
