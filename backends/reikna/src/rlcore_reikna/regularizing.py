"""The optional powers for accelerated and regularized runs, as a part of the backend."""

from __future__ import annotations

import numpy as np

from rlcore.backend import Box, InnerProducts, Shape
from rlcore_reikna.arrays import Array, Real, cubic
from rlcore_reikna.on_device import OnDevice

_COMPARERS = 1 << 17
"""Work-items that compare steps together."""


class Regularizing(OnDevice):
    """`SupportsLikeness`, `SupportsVariation`, `SupportsHalving` and `SupportsAgreement`."""

    def inner_products(self, estimate: Real, point: Real, previous: Real, before: Real, *, inside: Box) -> InnerProducts:
        """Sums over a box, compensated in single precision and ended in double."""
        arrays = [self._dense(array) for array in (estimate, point, previous, before)]
        (_, *plane), first, last = cubic(arrays[0].shape), cubic(inside.start, fill=0), cubic(inside.stop)
        items = min(_COMPARERS, inside.size)
        sums = self._new((items, 4))
        self._program.items("inner_products", items, sums.buffer, *(array.buffer for array in arrays), *plane, *first, *last)
        product, off_product, square, off_square = self.download(sums).astype(np.float64).T
        return InnerProducts(float(np.sum(product - off_product)), float(np.sum(square - off_square)))

    def smooth(
        self,
        array: Real,
        estimate: Real,
        *,
        share: float,
        slack: float,
        least: float,
        inside: Box | None,
        out: Array | None = None,
    ) -> Array:
        step, point = self._dense(array), self._dense(estimate)
        target = self._target(out, step.shape, "real")
        box = inside or Box((0,) * len(step.shape), step.shape)
        (_, *plane), first, last = cubic(step.shape), cubic(box.start, fill=0), cubic(box.stop)
        numbers = share, slack, least, inside is None, *plane, *first, *last
        self._program.over("smooth", step.shape, target.buffer, step.buffer, point.buffer, *numbers)
        return target

    def halve(self, image: Real, key: int, start: Shape, shape: Shape, *, other: bool) -> Array:
        counts, whole = self._dense(image), cubic(tuple(shape))
        target = self._new(counts.shape)
        first = tuple(at % n for at, n in zip(cubic(tuple(start), fill=0), whole, strict=True))
        numbers = -1.0 if other else 1.0, key >> 32, key & 0xFFFFFFFF, *cubic(counts.shape), *first, *whole
        self._program.over("halve", counts.shape, target.buffer, counts.buffer, *numbers)
        return target

    def agree(self, first: Real, second: Real, *, out: Array | None = None) -> Array:
        return self._each("agree", out, first, second)
