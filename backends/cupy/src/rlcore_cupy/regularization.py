"""Steps of regularized runs, as a part of the backend."""

from __future__ import annotations

import numpy as np

from rlcore.backend import Box, Shape
from rlcore_cupy.arrays import Array, Padded, box_arguments
from rlcore_cupy.base import DeviceBackend, on_device
from rlcore_cupy.elementwise import run


class Regularization(DeviceBackend):
    """The step of total variation, and splits of counts and what both halves agree on; each a single kernel."""

    @on_device
    def smooth(
        self,
        array: Array,
        estimate: Array,
        *,
        weight: float,
        slack: float,
        epsilon: float,
        inside: Box | None,
        out: Array | None = None,
    ) -> Padded:
        operands = self._voxels(array), self._voxels(estimate)
        target = self._real_target(out, array.shape)
        box = np.int32(inside is None), *box_arguments(target.shape, inside)
        numbers = *map(np.float32, (weight, slack, epsilon)), *box
        return run("smooth", target, *operands, also=numbers, file="regularization")

    @on_device
    def halve(self, image: Array, key: int, start: Shape, shape: Shape, *, second: bool) -> Padded:
        counts = self._voxels(image)
        lead = 3 - len(shape)
        whole = (1,) * lead + tuple(shape)
        first = (at % n for at, n in zip((0,) * lead + tuple(start), whole, strict=True))
        numbers = map(np.int32, (counts.shape[-2], *first, *whole))
        sign = np.float32(-1.0 if second else 1.0)
        target = Padded(counts.shape)
        return run("halve", target, counts, also=(sign, np.uint64(key), *numbers), file="regularization")

    @on_device
    def agree(self, first: Array, second: Array, *, out: Array | None = None) -> Padded:
        operands = self._voxels(first), self._voxels(second)
        return run("agree", self._real_target(out, first.shape), *operands, file="regularization")
