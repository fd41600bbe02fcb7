"""Steps that were put off, for the next one to take along: done when somebody looks at an array or writes to it."""

from __future__ import annotations

import threading
import weakref
from typing import Any, cast

import numpy as np

from rlcore.backend import InnerProducts
from rlcore.backend.boxes import Box
from rlcore_cupy import elementwise
from rlcore_cupy.elementwise import Spread
from rlcore_cupy.layout import Ahead, Padded, Ratio, Update, box_of
from rlcore_cupy.row_steps import AHEAD, KEPT, Step, Weighing
from rlcore_cupy.row_transforms import RowTransforms, blocks_of, place_of, planes_of
from rlcore_cupy.sums import Total


class PutOff(threading.local):
    """Arrays whose step a thread has put off."""

    def __init__(self) -> None:
        self.arrays: weakref.WeakSet[Padded] = weakref.WeakSet()


class Waiting:
    """What waits on one device."""

    def __init__(self, rows: RowTransforms) -> None:
        self._rows = rows
        self._put_off = PutOff()

    def put_off(self, array: Padded, *needed: object) -> None:
        """Note that an array waits for what it needs as it is now."""
        for other in needed:
            if isinstance(other, Padded):
                other.awaiting.add(array)
        self._put_off.arrays.add(array)

    def finish(self) -> None:
        """Do the steps that this thread has put off: other threads may be given what they need, and write to it."""
        for array in list(self._put_off.arrays):
            if array.waits:
                self.settle(array)
        self._put_off.arrays.clear()

    def settle(self, array: Padded) -> Padded:
        """Do what was put off, in place, so that the array's voxels are in memory."""
        self._update(array)
        if array.ahead is not None:
            self.free(array)  # which may have made the point
        if array.ahead is not None:
            elementwise.run("predict", array, self.newest(array.ahead), array, also=array.ahead.numbers)
            array.become("real")
        if array.state != "rows":
            return array
        array.copy_part()
        self.free(array)
        if array.step is not None:
            self._rows.step(array, "halves", "ratio", array, "reals", *ratio_of(array.step))
            array.taken = array.step
        else:
            self._rows.backward(array)
        return array.become("real")

    def before_writing(self, array: Padded) -> None:
        """Do what was put off to the array, and what was put off and needs it as it is."""
        if array.update is not None or array.ahead is not None:
            self.settle(array)
        array.part = None
        self.free(array)

    def free(self, array: Padded) -> None:
        """Do what was put off and needs the array as it is in memory."""
        if not array.awaiting:
            return
        for other in list(array.awaiting):
            if other.needs(array):
                self.settle(other)
        array.awaiting.clear()

    def newest(self, ahead: Ahead) -> Padded:
        """The estimate that a point lies ahead of, in memory. A point that is to take its place is not made yet."""
        self._update(ahead.newest)
        return ahead.newest

    def _update(self, array: Padded) -> None:
        """Do the update that waits, if there is one."""
        waits = array.update
        if waits is not None and waits.point is not None:
            self._update_beside(array, waits)
        elif waits is not None:
            step, also = update_of(waits)
            self._rows.step(waits.correction, "halves", step, array, "reals", *place_of(array), *also)
            array.become("real")

    def inner_products(
        self, estimate: Padded, point: Padded, previous: Padded, before: Padded, inside: Box
    ) -> InnerProducts | None:
        """As `SupportsLikeness.inner_products`, by the update that waits; None where none does, or it cannot tell."""
        waits = estimate.update
        if waits is None or waits.ahead is None or waits.point is not point or waits.ahead.newest is not previous:
            return None
        self.settle(before)
        if estimate.update is not waits or not self._rows.can_step(before):
            return None
        total = self._update_beside(estimate, waits, *place_of(before), *box_of(estimate.shape, inside))
        return None if total is None else total.inner_products

    def _update_beside(self, array: Padded, waits: Update, *telling: object) -> Total | None:
        """The update of a point that is made in its own place; it sums up if `telling`, the point before and a box."""
        point, correction = waits.point, waits.correction
        assert point is not None
        step, also = update_of(waits)
        kept = cast("Step", step + KEPT)
        array.become("real")
        self.free(point)
        total = Total(blocks_of(array, kept)) if telling else None
        told = NOT_TOLD if total is None else (*telling, *total.arguments)
        there = (*place_of(point), *also, *planes_of(correction), *told)
        self._rows.step(correction, "halves", kept, array, "reals", *there)
        point.become("real")
        return total


NOT_TOLD = np.uint64(0), np.int64(0), *(np.int32(1),) * 7, *(np.uint64(0),) * 3
"""What a kernel takes that is to tell nothing."""


def weighing_of(weight: Padded | Spread | None) -> tuple[Weighing, tuple[object, ...]]:
    """The update for this weight, and what its kernel takes of it."""
    if weight is None:
        return "update", ()
    return ("tabled", weight.arguments) if isinstance(weight, Spread) else ("weighted", place_of(weight))


def update_of(waits: Update) -> tuple[Step, tuple[object, ...]]:
    """The update that waits, and what its kernel takes of weight and point."""
    name, also = weighing_of(waits.weight)
    if waits.ahead is None:
        return name, also
    return cast("Step", name + AHEAD), (*also, *place_of(waits.ahead.newest), *waits.ahead.numbers)


def ratio_of(step: Ratio) -> tuple[Any, ...]:
    """What kernels take of a ratio."""
    return *place_of(step.image), *step.numbers
