"""The optional powers for accelerated and regularized runs, as a part of the backend."""

from __future__ import annotations

from typing import Any

from rlcore.backend import InnerProducts, Shape
from rlcore.backend.boxes import Box
from rlcore_cupy import regularize
from rlcore_cupy.factors import Factor
from rlcore_cupy.layout import Padded
from rlcore_cupy.place import Place
from rlcore_cupy.transforms import Transforms


class Regularizing:
    """`SupportsLikeness`, `SupportsFactor`, `SupportsVariation`, `SupportsHalving` and `SupportsAgreement`."""

    _place: Place
    _transforms: Transforms

    def _written(self, array: Any) -> Padded:
        raise NotImplementedError

    def _padded(self, array: Any) -> Padded:
        raise NotImplementedError

    def _real_target(self, out: Any, shape: Shape) -> Padded:
        raise NotImplementedError

    def inner_products(self, estimate: Any, point: Any, previous: Any, before: Any, *, inside: Box) -> InnerProducts:
        with self._place.here():
            newest, start, older, first = map(self._written, (estimate, point, previous, before))
            told = self._transforms.inner_products(newest, start, older, first, inside)
            if told is None:
                told = regularize.inner_products(tuple(map(self._padded, (newest, start, older, first))), inside)
            return told

    def factor(self, inner_products: InnerProducts, *, most: float) -> Factor:
        return Factor(inner_products, most)

    def smooth(
        self,
        array: Any,
        estimate: Any,
        *,
        share: float,
        slack: float,
        least: float,
        inside: Box | None,
        out: Any = None,
    ) -> Padded:
        with self._place.here():
            operands = self._padded(array), self._padded(estimate)
            return regularize.smooth(self._real_target(out, array.shape), *operands, share, slack, least, inside)

    def halve(self, image: Any, key: int, start: Shape, shape: Shape, *, other: bool) -> Padded:
        with self._place.here():
            counts = self._padded(image)
            return regularize.halve(self._real_target(None, counts.shape), counts, key, start, shape, other=other)

    def agree(self, first: Any, second: Any, *, out: Any = None) -> Padded:
        with self._place.here():
            operands = self._padded(first), self._padded(second)
            return regularize.agree(self._real_target(out, first.shape), *operands)
