"""The order of a run: which sweeps there are, what each reads and writes, and over which blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rlcore.blocks import Cut, Shape
from rlcore.planner.plan import Plan

START, RATIO, RESULT = "start", "ratio", "result"
"""Names of volumes beside the estimates, which are called estimate-0 and estimate-1."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass over all blocks, after which halos are fresh."""

    kind: Literal["iterate", "blur", "correct"]
    cut: Cut
    estimate: str
    """The volume that estimates are read from."""
    target: str
    """The volume that is written."""
    iterations: int
    """Whole iterations done by `iterate`."""
    finished: int
    """Iterations that are done everywhere after this sweep."""

    @property
    def in_place(self) -> bool:
        """Whether it overwrites the estimate it reads, so that it cannot be done again once it has begun."""
        return self.target == self.estimate

    @property
    def result(self) -> tuple[str, int]:
        """The volume that holds the newest estimate after it, and the iterations that this one has."""
        return (self.estimate if self.kind == "blur" else self.target), self.finished

    @property
    def units(self) -> int:
        """Blocks times half-steps: the work there is in it."""
        return len(self.cut) * (2 * self.iterations if self.kind == "iterate" else 1)


def sweeps(
    plan: Plan,
    chunks: Shape,
    *,
    estimate: str = START,
    finished: int = 0,
    keep_last: bool = False,
    gather: bool = False,
) -> Iterator[Sweep]:
    """The sweeps from `finished` iterations on, the newest estimate being in `estimate`.

    `chunks` are those of the result. `keep_last` never writes an estimate in place, so that a sweep that is cut short
    can be done again. `gather` leaves the last estimate in its own volume instead of the result, where it can.
    """
    last, by_halves = plan.cut_to_result(chunks), plan.half_steps == 1 and not plan.is_whole
    while finished < plan.iterations:
        step = min(1 if by_halves else _step(plan, keep_last), plan.iterations - finished)
        ends = finished + step == plan.iterations and not (by_halves and gather)
        in_place = by_halves and not keep_last and estimate != START
        target = RESULT if ends else estimate if in_place else _other(estimate)
        if by_halves:
            yield Sweep("blur", plan.cut_to_blur(), estimate, RATIO, 0, finished)
            yield Sweep("correct", last if ends else plan.cut_to_correct(), estimate, target, 0, finished + 1)
        else:
            yield Sweep("iterate", last if ends else plan.cut(), estimate, target, step, finished + step)
        estimate, finished = target, finished + step


def _step(plan: Plan, keep_last: bool) -> int:
    """Iterations a sweep: for a whole volume all of them, or a tenth if there is a checkpoint to keep."""
    if plan.is_whole:
        return -(-plan.iterations // 10) if keep_last else plan.iterations
    return plan.iterations_per_sweep


def _other(estimate: str) -> str:
    return "estimate-1" if estimate == "estimate-0" else "estimate-0"
