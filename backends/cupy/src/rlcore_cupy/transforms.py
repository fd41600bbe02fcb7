"""Transforms, filters and the steps between them, put off where the next one can take them along."""

from __future__ import annotations

import math
import threading
import weakref
from typing import cast

import numpy as np

from rlcore.backend import Shape
from rlcore_cupy import elementwise
from rlcore_cupy.column_transforms import Columns, ColumnTransforms
from rlcore_cupy.columns import Kind, tiling_for
from rlcore_cupy.elementwise import Spread
from rlcore_cupy.kept import BATCH_BYTES, Kept
from rlcore_cupy.layout import Padded, Ratio, Update, bytes_of
from rlcore_cupy.row_transforms import RowTransforms, place_of
from rlcore_cupy.rows import AND_PREDICT, Step, Weighing, row_tiling_for


def work_area_of(shape: Shape) -> int:
    """Bytes that cuFFT takes as a work area for what our own kernels leave to it, at most."""
    ours = [n == 1 or tiling_for(n) is not None for n in shape[:-1]] + [row_tiling_for(shape[-1]) is not None]
    return 0 if all(ours) else 6 * min(2 * bytes_of(shape), BATCH_BYTES)


class PutOff(threading.local):
    """Arrays whose step a thread has put off."""

    def __init__(self) -> None:
        self.arrays: weakref.WeakSet[Padded] = weakref.WeakSet()


class Transforms:
    """What one device does with arrays; used by one thread after another.

    The first axis is the last to be transformed, so that a filter meets its transfer there; rows are the last to come
    back, so that the next step meets them as spectra and may take them on from there.
    """

    def __init__(self, shared_bytes: int) -> None:
        self.kept = Kept()
        self._rows = RowTransforms(self.kept)
        self._columns = ColumnTransforms(self.kept, shared_bytes)
        self._waiting = PutOff()

    def forward(self, array: Padded, out: Padded) -> None:
        """The spectrum of `array`, in `out`."""
        self._to_rows(array, out)
        self._planes(out, "forward")
        self._columns.run(out, Columns.through_planes(out), "forward")
        out.become("spectrum")

    def backward(self, array: Padded) -> None:
        """The real array of a spectrum, in place."""
        scale = 1.0 / math.prod(array.shape)
        self._columns.run(array, Columns.through_planes(array), "backward", scale=scale)
        self._planes(array, "backward")
        array.become("rows")

    def filter(self, array: Padded, transfer: Padded, out: Padded, kind: Kind) -> None:
        """The array convolved or correlated with what the transfer is the spectrum of."""
        self._to_rows(array, out)
        self._planes(out, "forward")
        scale = 1.0 / math.prod(out.shape)
        self._columns.run(out, Columns.through_planes(out), kind, transfer=transfer, scale=scale)
        self._planes(out, "backward")
        out.become("rows")

    def ratio(self, step: Ratio, blurred: Padded, out: Padded) -> None:
        """``image / max(blurred + background, floor) - 1``; put off if `blurred` is to become it."""
        image = self.settle(step.image)
        joined = blurred.state == "rows" and blurred.step is None and image is not out
        if not (joined and self._rows.can_step(blurred, image, out)):
            elementwise.ratio(step, self.settle(blurred), out)
        elif out is blurred:
            blurred.step = step
            image.awaiting.add(blurred)
            self._waiting.arrays.add(blurred)
            return
        else:
            self._rows.step(blurred, "halves", "ratio", out, "reals", *_arguments(step))
        out.become("real")

    def update(self, estimate: Padded, correction: Padded, weight: Padded | Spread | None, out: Padded) -> None:
        """``estimate * max(1 + weight * correction, 0)``."""
        arrays = [correction, estimate, out, *([weight] if isinstance(weight, Padded) else [])]
        joined = correction.state == "rows" and correction.step is None and self._rows.can_step(*arrays)
        if joined and out is estimate:
            out.become("real").update = Update(correction, weight)
            correction.awaiting.add(out)
            if isinstance(weight, Padded):
                weight.awaiting.add(out)
            self._waiting.arrays.add(out)
            return
        if joined:
            name, also = _weighing(weight)
            self._rows.step(correction, "halves", name, out, "reals", *place_of(estimate), *also)
        else:
            elementwise.update(estimate, self.settle(correction), weight, out)
        out.become("real")

    def predict(self, estimate: Padded, previous: Padded, factor: float, least: float, out: Padded) -> None:
        """``max(estimate + factor * (estimate - previous), least * estimate)``, with the update that waits."""
        waits, numbers = estimate.update, (np.float32(factor), np.float32(least))
        if waits is None or out is not previous or not self._rows.can_step(waits.correction, estimate, previous):
            elementwise.run("predict", out, self.settle(estimate), previous, also=numbers)
        else:
            self._update(estimate, waits, AND_PREDICT, *place_of(previous), *numbers)
        out.become("real")

    def finish(self) -> None:
        """Do the steps that this thread has put off: other threads may be given what they need, and write to it."""
        for array in list(self._waiting.arrays):
            if array.update is not None or array.step is not None:
                self.settle(array)
        self._waiting.arrays.clear()

    def settle(self, array: Padded) -> Padded:
        """Do what was put off, in place, so that the array's voxels are in memory."""
        if array.update is not None:
            self._update(array, array.update)
        if array.state != "rows":
            return array
        if array.step is not None:
            self._rows.step(array, "halves", "ratio", array, "reals", *_arguments(array.step))
            array.taken = array.step
        else:
            self._rows.backward(array)
        return array.become("real")

    def before_writing(self, array: Padded) -> None:
        """Do what was put off to the array, and what was put off and needs it as it is."""
        if array.update is not None:
            self.settle(array)
        for other in list(array.awaiting):
            needed = (other.step.image,) if other.step else ()
            if other.update is not None:
                needed += (other.update.correction, other.update.weight)
            if any(one is array for one in needed):
                self.settle(other)
        array.awaiting.clear()

    def _update(self, estimate: Padded, waits: Update, then: str = "", *also: object) -> None:
        """The update that waits, with what is to follow it."""
        name, weighing = _weighing(waits.weight)
        step = cast("Step", name + then)
        self._rows.step(waits.correction, "halves", step, estimate, "reals", *place_of(estimate), *weighing, *also)
        estimate.become("real")

    def _to_rows(self, array: Padded, out: Padded) -> None:
        """Half spectra of the rows of `array`, with the step that waits."""
        if array.update is not None:
            self.settle(array)
        if array.state == "real":
            self._rows.forward(array, out)
        elif array.step is not None:
            self._rows.step(array, "halves", "ratio", out, "halves", *_arguments(array.step))
            out.taken = array.step
        elif out is not array:
            out.buffer[...] = array.buffer
        out.become("rows")

    def _planes(self, array: Padded, kind: Kind) -> None:
        if len(array.shape) == 3:
            self._columns.run(array, Columns.of_planes(array), kind)


def _weighing(weight: Padded | Spread | None) -> tuple[Weighing, tuple[object, ...]]:
    """The update for this weight, and what its kernel takes of it."""
    if weight is None:
        return "update", ()
    return ("tabled", weight.arguments) if isinstance(weight, Spread) else ("weighted", place_of(weight))


def _arguments(step: Ratio) -> tuple[object, ...]:
    return *place_of(step.image), *step.numbers
