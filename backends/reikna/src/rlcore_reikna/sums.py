"""Sums over the voxels of an array or of a box, compensated in single precision and completed in double."""

from __future__ import annotations

import math

import numpy as np

from rlcore.backend import Box, Fit, InnerProducts, Summary
from rlcore_reikna.device_arrays import Array, DeviceArrays, Real
from rlcore_reikna.shapes import box_arguments

_GROUPS = 1 << 9
"""Work-groups that share an array, each of which leaves sums for the host to add up: enough to fill a large GPU."""
_FEW_ITEMS = 1 << 13
"""Work-items that share sums which are taken after every iteration, of sampled planes."""


class Sums(DeviceArrays):
    """Sums over voxels.

    Many devices have no double precision. So every work-item keeps the rounding error of its sum beside it (Kahan
    1965), and the host adds up the work-items' sums and errors in double precision.
    """

    def summary(self, array: Real) -> Summary:
        dense = self._dense(array)
        found = self._new((_GROUPS, 4))
        groups = self._program.groups("summary", _GROUPS, dense.size, found.buffer, dense.buffer)
        low, high, sums, errors = self.download(found)[:groups].astype(np.float64).T
        with np.errstate(invalid="ignore"):
            return Summary(float(low.min()), float(high.max()), float(np.sum(sums - errors)))

    def planes(self, array: Real, first: int, step: int, count: int) -> Array:
        source = self._dense(array)
        taken = self._new((count, *source.shape[1:]))
        size = math.prod(source.shape[1:])
        self._program.each("planes", taken.size, taken.buffer, source.buffer, size, first, step)
        return taken

    def fit(self, image: Real, blurred: Real, *, background: float, floor: float, inside: Box) -> Fit:
        data, model = self._dense(image), self._dense(blurred)
        items = min(_FEW_ITEMS, inside.size)
        sums = self._new((items, 8))
        numbers = (background, floor, *box_arguments(data.shape, inside))
        self._program.strided("fit", items, inside.size, sums.buffer, data.buffer, model.buffer, *numbers)
        found = self.download(sums).astype(np.float64).sum(axis=0)
        return Fit(*(float(found[at] - found[at + 1]) for at in (0, 2, 4)))

    def inner_products(
        self, estimate: Real, point: Real, previous: Real, before: Real, *, inside: Box
    ) -> InnerProducts:
        arrays = [self._dense(array) for array in (estimate, point, previous, before)]
        items = min(_FEW_ITEMS, inside.size)
        sums = self._new((items, 4))
        buffers = (array.buffer for array in arrays)
        self._program.items("inner_products", items, sums.buffer, *buffers, *box_arguments(arrays[0].shape, inside))
        product, product_error, square, square_error = self.download(sums).astype(np.float64).T
        return InnerProducts(float(np.sum(product - product_error)), float(np.sum(square - square_error)))
