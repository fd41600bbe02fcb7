"""Steps of regularized runs: total variation, and the consensus of two halves of the counts."""

from __future__ import annotations

from rlcore.backend import Box, Shape
from rlcore_reikna.device_arrays import Array, DeviceArrays, Real
from rlcore_reikna.shapes import box_arguments, cubic


class Regularization(DeviceArrays):
    """Regularizes by one kernel a step, without arrays of differences or of random numbers."""

    def smooth(
        self,
        array: Real,
        estimate: Real,
        *,
        weight: float,
        slack: float,
        epsilon: float,
        inside: Box | None,
        out: Array | None = None,
    ) -> Array:
        step, point = self._dense(array), self._dense(estimate)
        target = self._target(out, step.shape, "real")
        box = inside or Box((0,) * len(step.shape), step.shape)
        numbers = weight, slack, epsilon, inside is None, *box_arguments(step.shape, box)
        self._program.over("smooth", step.shape, target.buffer, step.buffer, point.buffer, *numbers)
        return target

    def halve(self, image: Real, key: int, start: Shape, shape: Shape, *, second: bool) -> Array:
        counts, whole = self._dense(image), cubic(tuple(shape))
        target = self._new(counts.shape)
        # the kernel takes a remainder, which in C is negative for negative positions
        first = tuple(at % n for at, n in zip(cubic(tuple(start), fill=0), whole, strict=True))
        numbers = -1.0 if second else 1.0, key >> 32, key & 0xFFFFFFFF, *cubic(counts.shape), *first, *whole
        self._program.over("halve", counts.shape, target.buffer, counts.buffer, *numbers)
        return target

    def agree(self, first: Real, second: Real, *, out: Array | None = None) -> Array:
        return self._each("agree", out, first, second)
