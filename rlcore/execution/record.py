"""What happens in a run, iteration by iteration: how well the model fits, summed over blocks as they are computed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.backend import Backend, Fit, Volume, real_dtype
from rlcore.blocks import Block
from rlcore.fitness import Lattice, Looker, View, total
from rlcore.pace import Pace
from rlcore.richardson_lucy import Data, Optics, Watch
from rlcore.stopping import Rule

TOLD = "told.json"
"""What is told, in the folder of a checkpoint."""


@dataclass(frozen=True, slots=True)
class Info:
    """What happened in a run.

    Iteration k starts from a point (without acceleration: the estimate before it), whose blur is there anyway; what is
    told of iteration k is how that point fits. So the first entries are those of the start, and the fit of the result
    itself is not among them: it would take another blur.
    """

    iterations: int
    """Iterations that were run."""
    stopped: str
    """Why there were no more."""
    divergence: tuple[float | None, ...]
    """Csiszar's I-divergence of the image from the model, per voxel, for each iteration. About 0.5 is what counts lie
    from their own expectation; less is fitting noise. None for iterations that an interrupted run did before."""
    light: tuple[float | None, ...]
    """Sum of the model over the image, background included, over the sum of the image."""
    share: float
    """Of the image's voxels, those that the two were taken from: every n-th plane of a large image. With m voxels the
    standard error of a divergence near 0.5 is ``0.7 / sqrt(m)``, if those planes are like the others."""
    factors: tuple[float | None, ...]
    """How far each point was predicted beyond its estimate; None without acceleration."""
    held_out: tuple[float, ...] = ()
    """For ``iterations="auto"``: the I-divergence, per voxel, of the photons that were held out from what was fitted to
    the others, for the point after 0, 1, 2 ... iterations."""
    gain: float | None = None
    """For ``iterations="auto"``: image units per photon."""
    offset: float | None = None
    """For ``iterations="auto"``: image units that the camera adds to every voxel."""

    def to_dict(self) -> dict[str, object]:
        """Everything, in types that JSON has."""
        return asdict(self)


class Record:
    """Sums of what blocks tell. An iteration that not all blocks have told of is not known.

    Parameters
    ----------
    backend : Backend
    image_shape : tuple of int
    rule : callable, optional
        Of `rlcore.stopping`: says of the divergences so far when it is enough.
    held_out : ndarray, optional
        Planes of the image's `Lattice` to compare with the model instead of the image's own.
    file : Path, optional
        Where what blocks have told is kept, for a run that goes on after it was stopped.
    """

    def __init__(
        self,
        backend: Backend[Any],
        image_shape: tuple[int, ...],
        *,
        rule: Rule | None = None,
        held_out: Volume | None = None,
        file: Path | None = None,
    ) -> None:
        self.lattice = Lattice.over(image_shape)
        self.stop: int | None = None
        """The iteration that the rule said to stop at."""
        self._looker, self._dtype, self._rule = Looker(backend), real_dtype(backend), rule
        self._held_out = held_out
        self._whole: Any = None
        """Held-out planes of the only block, as long as there is only one."""
        self._known: dict[int, Fit] = {}
        """By iteration, once all blocks have told."""
        self._told: dict[int, dict[int, Fit]] = {}
        """By iteration and block, as long as they have not."""
        self._file = file
        if file is not None and file.exists():
            self._read(file)

    def forget(self, finished: int) -> None:
        """The run goes on from so many iterations, maybe by another plan."""
        if self._file is None:
            self._known = {iteration: fit for iteration, fit in self._known.items() if iteration <= finished}
            self._told = {}
        self._whole = None

    def watch(self, iteration: int, number: int, blocks: int, block: Block, data: Data, optics: Optics) -> Watch:
        """What notes the fit of one block's own part of the image."""
        view = self.lattice.of(block)

        def note(blurred: Any) -> None:
            if iteration in self._known:
                return  # a run that goes on does a part of what it had done again
            fit = Fit(0.0, 0.0, 0.0)
            if view.inside.size:
                counts = self._counts(view, block, data, alone=blocks == 1)
                planes = self._looker.take(blurred, view)
                fit = self._looker.fit(counts, planes, view, background=optics.background, floor=optics.floor)
            self._note(iteration, number, blocks, fit)

        return note

    def _note(self, iteration: int, number: int, blocks: int, fit: Fit) -> None:
        told = self._told.setdefault(iteration, {})
        told[number] = fit
        if len(told) == blocks:
            self._known[iteration] = total(self._told.pop(iteration).values())
            self._judge()
        if self._file is not None:
            self._write(self._file)

    def _judge(self) -> None:
        if self._rule is not None:
            self.stop = self._rule(self.divergences())

    def divergences(self) -> list[float]:
        """Of the iterations from the first on, as far as all blocks have told of them, per voxel."""
        known: list[float] = []
        while (fit := self._known.get(len(known) + 1)) is not None:
            known.append(fit.divergence / self.lattice.voxels)
        return known

    def enough(self, iteration: int) -> bool:
        """Whether a run that has done so many iterations is to end."""
        return self.stop is not None and iteration >= self.stop

    def info(self, iterations: int, pace: Pace) -> Info:
        """All that is known in the end, for a run of so many iterations."""
        known = [self._known.get(iteration) for iteration in range(1, iterations + 1)]
        return Info(
            iterations,
            "as many iterations as asked for",
            tuple(fit and fit.divergence / self.lattice.voxels for fit in known),
            tuple(fit and fit.light / (fit.counts or 1.0) for fit in known),
            self.lattice.share,
            tuple(None if (c := pace.factor(finished)) is None else float(c) for finished in range(iterations)),
        )

    def _counts(self, view: View, block: Block, data: Data, *, alone: bool) -> Any:
        """What the model is compared with: planes of the image, or those that were held out."""
        if self._held_out is None:
            return self._looker.take(data.image, view)
        if self._whole is not None:
            return self._whole
        planes = np.zeros((view.count, *block.read.shape[1:]), self._dtype)
        step, part = self.lattice.step, view.inside
        rows = tuple(
            slice(a + at, b + at) for a, b, at in zip(part.start[1:], part.stop[1:], block.read.start[1:], strict=True)
        )
        held_out = self._held_out[(slice(view.planes.start // step, view.planes.stop // step), *rows)]
        planes[part.slices((0,) * planes.ndim)] = held_out
        brought = self._looker.bring(planes)
        if alone:
            self._whole = brought
        return brought

    def _write(self, file: Path) -> None:
        told = [[iteration, number, *fit] for iteration, fits in self._told.items() for number, fit in fits.items()]
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps({"known": [[k, *fit] for k, fit in self._known.items()], "told": told}))
        beside.replace(file)

    def _read(self, file: Path) -> None:
        found = json.loads(file.read_text())
        self._known = {int(k): Fit(*fit) for k, *fit in found["known"]}
        for iteration, number, *fit in found["told"]:
            self._told.setdefault(int(iteration), {})[int(number)] = Fit(*fit)
        self._judge()
