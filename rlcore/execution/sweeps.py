"""The order of a run: which sweeps there are, what each reads and writes, and over which blocks.

Volumes that live between sweeps: the newest estimate, called estimate-0 or estimate-1, and with acceleration the point
that the next step starts from, point-0 or point-1; between the two half-steps also the ratio. A sweep of half-steps
overwrites both where it can, as it reads each voxel of them before it writes it; any other reads one pair and writes
the other. Which volumes hold what is a `State` of names; a state whose two names are one has no momentum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rlcore.acceleration import factor_after
from rlcore.blocks import Cut, Shape
from rlcore.planner.plan import Plan
from rlcore.richardson_lucy import State

RATIO, RESULT = "ratio", "result"
START = State("start", "start")
"""Names of volumes beside the estimates and points."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass over all blocks, after which halos are fresh."""

    kind: Literal["iterate", "blur", "correct"]
    cut: Cut
    source: State
    """The volumes that are read."""
    target: State
    """The volumes that hold the state after it."""
    factors: tuple[float | None, ...]
    """How each iteration that it ends predicts the next point; None where it does not."""
    finished: int
    """Iterations that are done everywhere after this sweep."""

    @property
    def in_place(self) -> bool:
        """Whether it overwrites the state it reads, so that it cannot be done again once it has begun."""
        return self.kind == "correct" and bool(set(self.target) & set(self.source))

    @property
    def result(self) -> tuple[State, int]:
        """The volumes that hold the state after it, and the iterations that this one has."""
        return self.target, self.finished

    @property
    def units(self) -> int:
        """Blocks times half-steps: the work there is in it."""
        return len(self.cut) * (2 * len(self.factors) if self.kind == "iterate" else 1)


def sweeps(
    plan: Plan,
    chunks: Shape,
    *,
    state: State = START,
    finished: int = 0,
    keep_last: bool = False,
    gather: bool = False,
) -> Iterator[Sweep]:
    """The sweeps from `finished` iterations on, the newest state being in `state`.

    `chunks` are those of the result. `keep_last` never writes a state in place, so that a sweep that is cut short
    can be done again. `gather` leaves the last estimate in its own volume instead of the result, where it can.
    """
    last, by_halves = plan.cut_to_result(chunks), plan.half_steps == 1 and not plan.is_whole
    while finished < plan.iterations:
        step = min(1 if by_halves else _step(plan, keep_last), plan.iterations - finished)
        ends = finished + step == plan.iterations
        to_result = ends and not (by_halves and gather)
        in_place = by_halves and not keep_last and state != START
        target = _target(plan, state, in_place=in_place, ends=ends, to_result=to_result)
        factors = _factors(plan, finished, step)
        if by_halves:
            yield Sweep("blur", plan.cut_to_blur(), state, state, (), finished)
            yield Sweep("correct", last if to_result else plan.cut_to_correct(), state, target, factors, finished + 1)
        else:
            yield Sweep("iterate", last if to_result else plan.cut(), state, target, factors, finished + step)
        state, finished = target, finished + step


def _target(plan: Plan, state: State, *, in_place: bool, ends: bool, to_result: bool) -> State:
    """Where a sweep that reads `state` puts the next; the last has no use for a point of its own."""
    number = "0" if state == START else state.estimate[-1]
    if not in_place:
        number = "1" if state != START and number == "0" else "0"
    estimate = RESULT if to_result else f"estimate-{number}"
    plain = ends or plan.acceleration == "none"
    return State(estimate if plain else f"point-{number}", estimate)


def _factors(plan: Plan, finished: int, step: int) -> tuple[float | None, ...]:
    """How each of the next iterations predicts; the very last predicts nothing."""
    after = range(finished + 1, finished + step + 1)
    return tuple(factor_after(plan.acceleration, k) if k < plan.iterations else None for k in after)


def _step(plan: Plan, keep_last: bool) -> int:
    """Iterations a sweep: for a whole volume all of them, or a tenth if there is a checkpoint to keep."""
    if plan.is_whole:
        return -(-plan.iterations // 10) if keep_last else plan.iterations
    return plan.iterations_per_sweep
