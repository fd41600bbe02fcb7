"""The history of a run: the fit of the model in each iteration, summed over blocks as they are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.richardson_lucy import Data, Model
from rlcore.algorithm.sampled_planes import PlaneView, SampledPlanes
from rlcore.algorithm.stopping import Rule
from rlcore.backend import Backend, Fit, Shape, Volume
from rlcore.backend.boxes import Block
from rlcore.backend.formulas.fit import total
from rlcore.execution.volumes.scale import Scale


@dataclass(frozen=True, slots=True)
class Info:
    """The history of a finished run.

    Iteration k starts from a point (without acceleration: the previous estimate), which is blurred anyway; the entries
    of iteration k describe the fit of that point. So the first entries describe the start, and the fit of the result
    itself is not among them: it would take another blur.
    """

    iterations: int
    """Iterations that were run."""
    stopped: str
    """The reason why the run ended."""
    divergence: tuple[float | None, ...]
    """Csiszar's I-divergence of the image from the model, per voxel, for each iteration. Counts
    differ from their own expectation by about 0.5; less is fitting noise. None for iterations done before an
    interruption."""
    light: tuple[float | None, ...]
    """Sum of the model over the image, background included, over the sum of the image."""
    share: float
    """Share of the image's voxels that both sums were taken over: every n-th plane of a large image. With m voxels the
    standard error of a divergence near 0.5 is ``0.7 / sqrt(m)``, if those planes are like the others."""
    factors: tuple[float | None, ...]
    """Momentum of each iteration: how far its point was extrapolated beyond its estimate; None without acceleration."""
    held_out: tuple[float, ...] = ()
    """For ``iterations="auto"``: the I-divergence, per voxel, of the photons that were held out from what was fitted to
    the others, for the point after 0, 1, 2 ... iterations."""
    gain: float | None = None
    """Image units per photon; None if not known."""
    offset: float = 0.0
    """Image units that were taken off every voxel."""
    background: float = 0.0
    """Light that is not the object's, in image units above the offset."""
    excluded: int = 0
    """Pixels that were no data in each plane, such as hot ones."""
    camera: str = ""
    """What is known of the camera, in a sentence."""
    tv_weight: float | None = None
    """Weight of total variation; None without it."""

    def to_dict(self) -> dict[str, object]:
        """All fields, in types that JSON has."""
        return asdict(self)


class History:
    """Sums of the fit over blocks. An iteration is known once all blocks have reported it.

    Parameters
    ----------
    backend : Backend
    image_shape : tuple of int
    rule : callable, optional
        A rule of `rlcore.algorithm.stopping`: decides from the divergences so far when to stop.
    held_out : ndarray, optional
        Sampled planes that the model is compared with instead of the image's own.
    known : mapping, optional
        The reports of an earlier part of the run, from its checkpoint.
    """

    def __init__(
        self,
        backend: Backend[Any],
        image_shape: Shape,
        *,
        rule: Rule | None = None,
        held_out: Volume | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.sampled = SampledPlanes.over(image_shape)
        self.stop: int | None = None
        """The iteration at which the rule decided to stop."""
        self.scale: Scale | None = None
        """Brings the image to the units of the run, in which divergences are recorded."""
        self._backend, self._rule = backend, rule
        self._held_out = held_out
        self._held_out_planes: Any = None
        """Held-out planes on the device, as long as one block needs all of them."""
        self._known: dict[int, Fit] = {}
        """By iteration, of those that all blocks have reported."""
        self._partial: dict[int, dict[int, Fit]] = {}
        """By iteration and block, of those that not all blocks have reported."""
        self._resumes = known is not None
        if known is not None:
            self._restore(known)

    def forget(self, finished: int) -> None:
        """Forget what came after so many iterations, from which the run goes on, maybe by another plan."""
        if not self._resumes:
            self._known = {iteration: fit for iteration, fit in self._known.items() if iteration <= finished}
            self._partial = {}
        self._held_out_planes = None

    def watch(
        self, iteration: int, number: int, blocks: int, block: Block, data: Data, model: Model
    ) -> Callable[[Any], None]:
        """The function that takes a blurred block and adds the fit of its core to the history."""
        view = self.sampled.of(block.extent, block.core)

        def add(blurred: Any) -> None:
            if iteration in self._known:
                return  # a run that was resumed repeats a part of its work
            fit = Fit(0.0, 0.0, 0.0)
            if view.inside.size:
                counts = self._counts(view, block, data, alone=blocks == 1)
                planes = view.take(self._backend, blurred)
                if data.weights is not None:
                    counts, planes = self._weighted(counts, planes, view.take(self._backend, data.weights), model)
                options = {"background": model.background, "floor": model.floor}
                fit = self._backend.fit(counts, planes, **options, inside=view.inside)
            self._add(iteration, number, blocks, fit)

        return add

    def _weighted(self, counts: Any, planes: Any, weights: Any, model: Model) -> tuple[Any, Any]:
        """Data and blurred planes such that the sums of their fit are those of the weighted likelihood."""
        backend = self._backend
        expected = backend.add(planes, model.background)
        expected = backend.multiply(expected, weights, out=expected)
        return backend.multiply(counts, weights), backend.add(expected, -model.background, out=expected)

    def _add(self, iteration: int, number: int, blocks: int, fit: Fit) -> None:
        reported = self._partial.setdefault(iteration, {})
        reported[number] = fit
        if len(reported) == blocks:
            self._known[iteration] = total(self._partial.pop(iteration).values())
            self._judge()

    def _judge(self) -> None:
        if self._rule is not None:
            self.stop = self._rule(self.divergences())

    def divergences(self) -> list[float]:
        """Divergence per voxel of each iteration from the first on, up to the first that is not known."""
        known: list[float] = []
        while (fit := self._known.get(len(known) + 1)) is not None:
            known.append(fit.divergence / self.sampled.voxels)
        return known

    def enough(self, iteration: int) -> bool:
        """True if a run that has done so many iterations is to end."""
        return self.stop is not None and iteration >= self.stop

    def info(self, iterations: int, momentum: MomentumSchedule) -> Info:
        """The history of a finished run of so many iterations."""
        known = [self._known.get(iteration) for iteration in range(1, iterations + 1)]
        return Info(
            iterations,
            "as many iterations as asked for",
            tuple(fit and self._unscaled(fit.divergence / self.sampled.voxels) for fit in known),
            tuple(fit and fit.light / (fit.counts or 1.0) for fit in known),
            self.sampled.share,
            momentum.history(iterations),
        )

    def _unscaled(self, divergence: float) -> float:
        """A divergence in the image's units, in which it is as many times as large as the image is."""
        return divergence if self.scale is None else Scale(-self.scale.exponent).number(divergence)

    def _counts(self, view: PlaneView, block: Block, data: Data, *, alone: bool) -> Any:
        """The planes that the model is compared with: those of the image, or the held-out ones."""
        if self._held_out is None:
            return view.take(self._backend, data.image)
        if self._held_out_planes is not None:
            return self._held_out_planes
        planes = np.zeros((view.count, *block.extent.shape[1:]), self._backend.facts.dtype)
        step, part = self.sampled.step, view.inside
        rows = tuple(
            slice(a + at, b + at)
            for a, b, at in zip(part.start[1:], part.stop[1:], block.extent.start[1:], strict=True)
        )
        held_out = self._held_out[(slice(view.planes.start // step, view.planes.stop // step), *rows)]
        planes[part.slices((0,) * planes.ndim)] = held_out
        uploaded = self._backend.upload(planes)
        if alone:
            self._held_out_planes = uploaded
        return uploaded

    def to_dict(self) -> dict[str, Any]:
        """The reports that a resumed run needs, in types that JSON has."""
        # blocks may report from other threads meanwhile
        partial = [
            [iteration, number, *map(float, fit)]
            for iteration, fits in self._partial.copy().items()
            for number, fit in fits.copy().items()
        ]
        known = [[iteration, *map(float, fit)] for iteration, fit in self._known.copy().items()]
        return {"known": known, "partial": partial}

    def _restore(self, found: Mapping[str, Any]) -> None:
        self._known = {int(k): Fit(*fit) for k, *fit in found["known"]}
        for iteration, number, *fit in found["partial"]:
            self._partial.setdefault(int(iteration), {})[int(number)] = Fit(*fit)
        self._judge()
