"""Transforms, filters and the steps between them; a step is deferred where the next transform can take it along."""

from __future__ import annotations

import math

from rlcore.backend import Shape
from rlcore.backend.host.memory import processors
from rlcore.backend.kit.gpu_fft.columns import Kind, tiling_for
from rlcore_cupy import elementwise
from rlcore_cupy.arrays import Array, Extrapolation, Momentum, Padded, Ratio, Update, bytes_of, momentum_arguments
from rlcore_cupy.column_transforms import Columns, ColumnTransforms
from rlcore_cupy.deferred import DeferredSteps
from rlcore_cupy.kernel_cache import BATCH_BYTES, KernelCache
from rlcore_cupy.row_kernels import RowPass
from rlcore_cupy.row_tilings import row_tiling_for
from rlcore_cupy.row_transforms import RowTransforms, row_arguments

WITHIN_PLANES: tuple[Kind, ...] = ("forward", "backward")
THROUGH_PLANES: tuple[Kind, ...] = ("forward", "convolve", "correlate")
"""Column kernels that a run needs for its arrays."""
CERTAIN = (RowPass("reals", "none", "halves"), RowPass("halves", "ratio", "halves"))
LIKELY = (
    RowPass("halves", "tabled", "halves"),
    RowPass("halves", "tabled", "reals"),
    RowPass("reals", "point", "halves"),
    RowPass("halves", "tabled", "halves", extrapolated=True),
    RowPass("halves", "tabled", "reals", extrapolated=True),
)
"""Passes that every run makes, and those of most runs: with a border and its weights, plain or accelerated."""


def work_area_of(shape: Shape) -> int:
    """Upper bound on the bytes of cuFFT's work area for the axes that our own kernels leave to it."""
    ours = [n == 1 or tiling_for(n) is not None for n in shape[:-1]] + [row_tiling_for(shape[-1]) is not None]
    return 0 if all(ours) else 6 * min(2 * bytes_of(shape), BATCH_BYTES)


class Transforms(DeferredSteps):
    """Transforms of one device's arrays; used by one thread after another.

    The first axis is the last to be transformed, so that a filter meets its OTF there; rows are the last to come back,
    so that the next step meets them as spectra and may take them on from there.
    """

    def __init__(self, shared_bytes: int) -> None:
        self.cache = KernelCache()
        super().__init__(RowTransforms(self.cache))
        self._columns = ColumnTransforms(self.cache, shared_bytes)

    def forward(self, array: Padded, out: Padded) -> None:
        """Write the spectrum of `array` to `out`."""
        self._compile_ahead(out.shape)
        self._to_rows(array, out)
        self._within_planes(out, "forward")
        self._columns.run(out, Columns.through_planes(out), "forward")
        out.become("spectrum")

    def backward(self, array: Padded) -> None:
        """Turn a spectrum into its real array, in place."""
        scale = 1.0 / math.prod(array.shape)
        self._columns.run(array, Columns.through_planes(array), "backward", scale=scale)
        self._within_planes(array, "backward")
        array.become("rows")

    def filter(self, array: Padded, otf: Padded, out: Padded, kind: Kind) -> None:
        """Write the array, convolved or correlated with the PSF of this OTF, to `out`."""
        if not self._update_goes_on(array, out):
            self._to_rows(array, out)
        self._within_planes(out, "forward")
        scale = 1.0 / math.prod(out.shape)
        self._columns.run(out, Columns.through_planes(out), kind, otf=otf, scale=scale)
        self._within_planes(out, "backward")
        out.become("rows")

    def ratio(self, step: Ratio, blurred: Padded, out: Padded) -> None:
        """``image / max(blurred + background, floor) - 1``; deferred if `blurred` is to become it."""
        # the pass reads the image's voxels when it runs, so they must be there
        image = self.flush(step.image)
        joined = blurred.state == "rows" and blurred.pending is None and image is not out
        if not (joined and self._rows.can_step(blurred, image, out)):
            elementwise.ratio(step, self.flush(blurred), out)
        elif out is blurred:
            self.defer(blurred, step)
            return
        else:
            self.run_ratio(step, blurred, out, "reals")
        out.become("real")

    def update(self, estimate: Padded, correction: Padded, weight: Array | None, out: Padded) -> None:
        """``estimate * max(1 + weight * correction, 0)``; deferred if it is in place."""
        arrays = [correction, estimate, out, *([weight] if isinstance(weight, Padded) else [])]
        joined = correction.state == "rows" and correction.pending is None and self._rows.can_step(*arrays)
        if joined and out is estimate and estimate.state == "real" and not isinstance(estimate.pending, Update):
            # other pending steps read the estimate as it was before
            self.flush_dependents(estimate)
            extrapolation = estimate.pending if isinstance(estimate.pending, Extrapolation) else None
            if extrapolation is not None:
                self.flush_update(extrapolation.newest)
            self.defer(estimate, Update(correction, weight, extrapolation))
            return
        # the estimate outlives the update, so a point that is still pending has to be made
        self.flush(estimate)
        self.before_writing(out)
        if joined:
            self.run_update(Update(correction, weight, None), out, "reals", estimate)
        else:
            elementwise.update(estimate, self.flush(correction), weight, out)
        out.become("real")

    def predict(
        self, estimate: Padded, previous: Padded, momentum: float | Momentum, share: float, out: Padded
    ) -> None:
        """``max(estimate + momentum * (estimate - previous), share * estimate)``; deferred if `previous` becomes it."""
        step = Extrapolation(estimate, momentum, share)
        made = not isinstance(estimate.pending, Extrapolation) and previous.pending is None
        plain = made and estimate.state == previous.state == "real"
        if plain and out is previous and out is not estimate and self._rows.can_step(previous, estimate):
            self.defer(previous, step)
            return
        self.flush(estimate)
        self.flush(previous)
        self.before_writing(out)
        elementwise.run("predict", out, estimate, previous, also=step.numbers)
        out.become("real")

    def planes(self, array: Padded, first: int, step: int, count: int) -> Padded:
        """Copy planes; a pending update or point, and rows that are spectra, stay ready for the next step."""
        pending = array.pending
        if isinstance(pending, Extrapolation) and pending.newest.pending is None:
            newest, before = (one.planes(first, step, count) for one in (pending.newest, array))
            return elementwise.run("predict", before, newest, before, also=pending.numbers)
        if isinstance(pending, Update):
            return self.updated_planes(pending, array, first, step, count)
        ready = array.state == "rows" and pending is None
        return (array if ready else self.flush(array)).planes(first, step, count)

    def _compile_ahead(self, shape: Shape) -> None:
        """Have the kernels for a run on arrays of this shape compiled side by side, in the order of their use."""
        self._rows.compile_ahead(shape[-1], CERTAIN[0])
        for length, kinds in ((shape[1], WITHIN_PLANES), (shape[0], THROUGH_PLANES))[len(shape) < 3 :]:
            for kind in kinds:
                self._columns.compile_ahead(length, kind)
        # compiling what may not be used pays only on processors that would be idle
        for row_pass in CERTAIN[1:] + (LIKELY if processors() > len(LIKELY) else ()):
            self._rows.compile_ahead(shape[-1], row_pass)

    def _update_goes_on(self, array: Padded, out: Padded) -> bool:
        """Run the update whose correction is in `out`, and take its rows on to half spectra, in one pass.

        The rows are those of the array, which is the updated estimate or the next point, extrapolated from it. False
        if no such update is pending.
        """
        point = array.pending if isinstance(array.pending, Extrapolation) else None
        estimate = array if point is None else point.newest
        update = estimate.pending
        if not isinstance(update, Update) or update.correction is not out:
            return False
        before = update.extrapolation
        next_momentum = () if point is None else momentum_arguments(point.momentum)
        if point is None or before is None:
            fits = point is before
        else:
            # the kernel has one share, and extrapolates from the estimate that the update started from
            fits = before.newest is array and before.share == point.share
        # the pass overwrites the correction, so no other pending step may need it
        if not fits or any(other is not estimate and other.needs(out) for other in out.dependents):
            return False
        self.run_update(update, out, "halves", estimate, *next_momentum)
        estimate.become("real")
        out.become("rows")
        out.dependents.clear()
        return True

    def _to_rows(self, array: Padded, out: Padded) -> None:
        """Write half spectra of the rows of `array` to `out`, with the step that is pending."""
        # the point is made on the way, so it needs no voxels in memory first
        if out is array and isinstance(array.pending, Extrapolation):
            self.flush_dependents(array)  # which may make the point
        else:
            self.before_writing(out)
        if isinstance(step := array.pending, Extrapolation):
            self._point_to_rows(step, array, out)
        elif isinstance(step, Ratio):
            self.run_ratio(step, array, out, "halves")
        else:
            self._rows.forward(self.flush(array), out)
        out.become("rows")

    def _point_to_rows(self, step: Extrapolation, array: Padded, out: Padded) -> None:
        """Write half spectra of the rows of a point that is still pending."""
        newest = self.flush_update(step.newest)
        if self._rows.can_step(array, newest, out):
            self._rows.run(RowPass("reals", "point", "halves"), array, out, *row_arguments(newest), *step.numbers)
        else:
            self._rows.forward(self.flush(array), out)

    def _within_planes(self, array: Padded, kind: Kind) -> None:
        if len(array.shape) == 3:
            self._columns.run(array, Columns.of_planes(array), kind)
