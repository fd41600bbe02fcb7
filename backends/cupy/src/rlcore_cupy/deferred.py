"""Deferred steps: each is pending on its array until the next transform takes it along, or until it is flushed.

A step on its own reads and writes an array once; taken along by a transform that passes over the array anyway it costs
almost nothing. So a step is only noted at first. It is flushed as soon as somebody reads the array's voxels, or writes
to an array that the step reads.
"""

from __future__ import annotations

import math
import threading
import weakref
from typing import Any

import numpy as np

from rlcore_cupy import elementwise
from rlcore_cupy.arrays import Array, Extrapolation, Padded, Ratio, Spread, Update
from rlcore_cupy.row_kernels import Form, RowPass, Weighting
from rlcore_cupy.row_transforms import RowTransforms, row_arguments


class PendingArrays(threading.local):
    """Arrays on which a thread has deferred a step."""

    def __init__(self) -> None:
        # a pending array that nobody holds any more needs no flush
        self.arrays: weakref.WeakSet[Padded] = weakref.WeakSet()


class DeferredSteps:
    """The pending steps of one device."""

    def __init__(self, rows: RowTransforms) -> None:
        self._rows = rows
        self._thread = PendingArrays()

    def defer(self, array: Padded, step: Ratio | Extrapolation | Update) -> None:
        """Note that a step is pending on an array, and depends on its operands as they are now."""
        array.pending = step
        for operand in step.operands:
            if isinstance(operand, Padded):
                operand.dependents.add(array)
        self._thread.arrays.add(array)

    def flush_all(self) -> None:
        """Run all steps that this thread has deferred: other threads may be given their operands, and write to them."""
        for array in list(self._thread.arrays):
            if array.pending is not None:
                self.flush(array)
        self._thread.arrays.clear()

    def flush(self, array: Padded) -> Padded:
        """Run the pending step in place, so that the array's voxels are in memory."""
        self.flush_update(array)
        if array.state == "rows" or isinstance(array.pending, Extrapolation):
            self.flush_dependents(array)
        # asked again, since a dependent may have had the point made
        if isinstance(step := array.pending, Extrapolation):
            elementwise.run("predict", array, self.flush_update(step.newest), array, also=step.numbers)
            array.become("real")
        elif array.state == "rows":
            self._rows_to_reals(array)
        return array

    def flush_update(self, array: Padded) -> Padded:
        """Run the pending step if it is an update. An extrapolation stays pending: it overwrites an older estimate."""
        if isinstance(step := array.pending, Update):
            self.run_update(step, array, "reals", array)
            array.become("real")
        return array

    def point_of(self, array: Padded, newest: Padded) -> Extrapolation | None:
        """The extrapolation from `newest` that is pending on an array, for a kernel that writes the point to its place.

        None if there is no such step, and then the array's voxels are in memory.
        """
        if isinstance(array.pending, Extrapolation):
            self.flush_dependents(array)  # which may make the point
        step = array.pending
        if isinstance(step, Extrapolation) and step.newest is newest and newest.pending is None:
            return step
        self.flush(array)
        return None

    def flush_dependents(self, array: Padded) -> None:
        """Run the pending steps that read the array as it is in memory."""
        if not array.dependents:
            return
        for other in list(array.dependents):
            if other.needs(array):
                self.flush(other)
        array.dependents.clear()

    def before_writing(self, array: Padded) -> None:
        """Run the array's own pending step, which others may build on, and those that read it as it is."""
        # a pending ratio has no readers yet, and is dropped with the voxels that are overwritten
        if isinstance(array.pending, Update | Extrapolation):
            self.flush(array)
        self.flush_dependents(array)

    def run_update(
        self, step: Update, out: Padded, target: Form, estimate: Padded, *also: Any, sampled: bool = False
    ) -> None:
        """Take the rows of the correction through the update to `out`, with a pass over memory.

        `also` is the next momentum, for half spectra of the next point; if `sampled`, the rows of a plane and the first
        and the distance of the planes that are taken.
        """
        weighting, arguments = weighting_of(step.weight)
        if step.extrapolation is not None:
            arguments += (*row_arguments(step.extrapolation.newest), *step.extrapolation.numbers)
        row_pass = RowPass("halves", weighting, target, step.extrapolation is not None, sampled)
        self._rows.run(row_pass, step.correction, out, *row_arguments(estimate), *arguments, *also)

    def updated_planes(self, step: Update, array: Padded, first: int, every: int, count: int) -> Padded:
        """Planes of an array after its pending update, which runs in these planes alone and stays pending."""
        taken = Padded((count, *array.shape[1:]))
        which = np.int32(math.prod(array.shape[1:-1])), np.int32(first), np.int32(every)
        self.run_update(step, taken, "reals", array, *which, sampled=True)
        return taken

    def run_ratio(self, step: Ratio, array: Padded, out: Padded, target: Form) -> None:
        """Take rows that are spectra through the ratio to `out`, with a pass over memory."""
        self._rows.run(RowPass("halves", "ratio", target), array, out, *row_arguments(step.image), *step.numbers)
        out.last_ratio = step

    def _rows_to_reals(self, array: Padded) -> None:
        if isinstance(array.pending, Ratio):
            self.run_ratio(array.pending, array, array, "reals")
        else:
            self._rows.backward(array)
        array.become("real")


def weighting_of(weight: Array | None) -> tuple[Weighting, tuple[Any, ...]]:
    """The update for this weight, and the kernel arguments of the weight."""
    if weight is None:
        return "update", ()
    return ("tabled", weight.arguments) if isinstance(weight, Spread) else ("weighted", row_arguments(weight))
