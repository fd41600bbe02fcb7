"""Transforms, filters and the steps between them, put off where the next one can take them along."""

from __future__ import annotations

import math
from typing import SupportsFloat

from rlcore.backend import Shape
from rlcore.backend.host.memory import processors
from rlcore.backend.kit.gpu_fft.columns import Kind, tiling_for
from rlcore_cupy import elementwise
from rlcore_cupy.column_transforms import Columns, ColumnTransforms
from rlcore_cupy.elementwise import Spread
from rlcore_cupy.factors import as_taken
from rlcore_cupy.kept import BATCH_BYTES, Kept
from rlcore_cupy.layout import Ahead, Padded, Ratio, Update, bytes_of
from rlcore_cupy.row_steps import Form, Step
from rlcore_cupy.row_tilings import row_tiling_for
from rlcore_cupy.row_transforms import RowTransforms, place_of
from rlcore_cupy.waiting import Waiting, ratio_of, update_of, weighing_of

WITHIN_PLANES: tuple[Kind, ...] = ("forward", "backward")
THROUGH_PLANES: tuple[Kind, ...] = ("forward", "convolve", "correlate")
"""What is done to the columns of a run's arrays."""
CERTAIN: tuple[tuple[Form, Step, Form], ...] = (("halves", "ratio", "halves"),)
LIKELY: tuple[tuple[Form, Step, Form], ...] = (
    ("halves", "tabled", "halves"),
    ("halves", "tabled", "reals"),
    ("reals", "point", "halves"),
    ("halves", "tabled, ahead", "halves"),
    ("halves", "tabled, ahead", "reals"),
)
"""Steps that a run takes, and those that most runs do: with a border and its weights, plain or accelerated."""


def work_area_of(shape: Shape) -> int:
    """Bytes that cuFFT takes as a work area for what our own kernels leave to it, at most."""
    ours = [n == 1 or tiling_for(n) is not None for n in shape[:-1]] + [row_tiling_for(shape[-1]) is not None]
    return 0 if all(ours) else 6 * min(2 * bytes_of(shape), BATCH_BYTES)


class Transforms(Waiting):
    """What one device does with arrays; used by one thread after another.

    The first axis is the last to be transformed, so that a filter meets its transfer there; rows are the last to come
    back, so that the next step meets them as spectra and may take them on from there.
    """

    def __init__(self, shared_bytes: int) -> None:
        self.kept = Kept()
        super().__init__(RowTransforms(self.kept))
        self._columns = ColumnTransforms(self.kept, shared_bytes)

    def forward(self, array: Padded, out: Padded) -> None:
        """The spectrum of `array`, in `out`."""
        self._load(out.shape)
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
        if not self._goes_on(array, out):
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
            self.put_off(blurred, image)
            return
        else:
            self._rows.step(blurred, "halves", "ratio", out, "reals", *ratio_of(step))
        out.become("real")

    def update(self, estimate: Padded, correction: Padded, weight: Padded | Spread | None, out: Padded) -> None:
        """``estimate * max(1 + weight * correction, 0)``; put off if it is in place, or of a point that is not made."""
        arrays = [correction, estimate, out, *([weight] if isinstance(weight, Padded) else [])]
        joined = correction.state == "rows" and correction.step is None and self._rows.can_step(*arrays)
        beside = estimate.ahead is not None and not any(out is one for one in (estimate, correction, weight))
        if joined and beside and self._put_off_beside(estimate, correction, weight, out):
            return
        correction.copy_part()
        if joined and out is estimate and estimate.state == "real" and estimate.update is None:
            self.free(estimate)
            if estimate.ahead is not None:
                self.newest(estimate.ahead)
            estimate.become("real").update = Update(correction, weight, estimate.ahead)
            self.put_off(estimate, correction, weight)
            return
        self.settle(estimate)
        self.before_writing(out)
        if joined:
            name, also = weighing_of(weight)
            self._rows.step(correction, "halves", name, out, "reals", *place_of(estimate), *also)
        else:
            elementwise.update(estimate, self.settle(correction), weight, out)
        out.become("real")

    def _put_off_beside(self, point: Padded, correction: Padded, weight: Padded | Spread | None, out: Padded) -> bool:
        """Put off the update of a point that is not made yet, to another array; whether that can be."""
        assert point.ahead is not None
        newest = self.newest(point.ahead)
        if out is newest or not self._rows.can_step(correction, newest):
            return False
        self.before_writing(out)
        if point.ahead is None:
            return False
        out.become("real").update = Update(correction, weight, point.ahead, point)
        self.put_off(out, correction, weight, newest, point)
        return True

    def predict(self, estimate: Padded, previous: Padded, factor: SupportsFloat, least: float, out: Padded) -> None:
        """``max(estimate + factor * (estimate - previous), least * estimate)``; put off if `previous` becomes it."""
        ahead = Ahead(estimate, factor, least)
        plain = estimate.state == previous.state == "real" and not previous.waits and estimate.ahead is None
        if plain and out is previous and out is not estimate and self._rows.can_step(previous, estimate):
            previous.ahead = ahead
            self.put_off(previous, estimate)
            return
        self.settle(estimate)
        self.settle(previous)
        self.before_writing(out)
        elementwise.run("predict", out, estimate, previous, also=ahead.numbers)
        out.become("real")

    def planes(self, array: Padded, first: int, step: int, count: int) -> Padded:
        """As `Padded.planes`, but of a point what it is to be made of is taken, and made there; it goes on to wait."""
        ahead = array.ahead
        if ahead is not None and not ahead.newest.waits:
            newest, before = (one.planes(first, step, count) for one in (ahead.newest, array))
            return elementwise.run("predict", before, newest, before, also=ahead.numbers)
        taken = (self.settle(array) if array.waits or not array.has_room else array).planes(first, step, count)
        if taken.waits:
            self.put_off(taken, array)
        return taken

    def _load(self, shape: Shape) -> None:
        """Have compiled, side by side, what a run on arrays of this shape will need, in the order in which it will."""
        self._rows.load(shape[-1], "reals", "none", "halves")
        for length, kinds in ((shape[1], WITHIN_PLANES), (shape[0], THROUGH_PLANES))[len(shape) < 3 :]:
            for kind in kinds:
                self._columns.load(length, kind)
        for origin, step, target in CERTAIN + (LIKELY if processors() > len(LIKELY) else ()):
            self._rows.load(shape[-1], origin, step, target)

    def _goes_on(self, array: Padded, out: Padded) -> bool:
        """The update that waits for the correction in `out`, and the rows of the array after it, in one pass; whether
        there is one. The array is the estimate that is updated, or the next point, ahead of it."""
        estimate = array if array.ahead is None else array.ahead.newest
        waits = estimate.update
        if waits is None or waits.correction is not out:
            return False
        if array.ahead is None:
            further: tuple[object, ...] = ()
            fits = waits.ahead is None
        else:
            further = as_taken(array.ahead.factor)
            fits = waits.ahead is not None and waits.ahead.newest is array and waits.ahead.least == array.ahead.least
        if not fits or any(other is not estimate and other.needs(out) for other in out.awaiting):
            return False
        step, also = update_of(waits)
        self._rows.step(out, "halves", step, out, "halves", *place_of(estimate), *also, *further)
        estimate.become("real")
        out.become("rows")
        out.awaiting.clear()
        return True

    def _to_rows(self, array: Padded, out: Padded) -> None:
        """Half spectra of the rows of `array`, with the step that waits."""
        if out is array and array.ahead is not None:
            self.free(array)  # which may make the point
        else:
            self.before_writing(out)
        if array.ahead is not None:
            self._point_to_rows(array, array.ahead, out)
        elif array.step is not None:
            self._rows.step(array, "halves", "ratio", out, "halves", *ratio_of(array.step))
            out.taken = array.step
        else:
            self._rows.forward(self.settle(array), out)
        out.become("rows")

    def _point_to_rows(self, array: Padded, ahead: Ahead, out: Padded) -> None:
        """Half spectra of the rows of a point that is still to be made."""
        newest = self.newest(ahead)
        if not self._rows.can_step(array, newest, out):
            self._rows.forward(self.settle(array), out)
            return
        self._rows.step(array, "reals", "point", out, "halves", *place_of(newest), *ahead.numbers)

    def _planes(self, array: Padded, kind: Kind) -> None:
        if len(array.shape) == 3:
            self._columns.run(array, Columns.of_planes(array), kind)
