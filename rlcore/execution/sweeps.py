"""The order of a run: which sweeps there are, what each reads and writes, and over which blocks.

Volumes that live between sweeps: estimates, called estimate-0, estimate-1 and so on, with acceleration the last two of
them; with adaptive momentum the point that the last step started from, point-0 or point-1; between the two half-steps
also the ratio. A sweep of half-steps overwrites volumes that are not needed after it, since it reads each voxel before
it writes it, unless it needs the neighbours too; any other sweep writes volumes that it does not read. A `State` of
names says which volumes hold the estimates and the point.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rlcore.algorithm.acceleration import ADAPTIVE
from rlcore.algorithm.regularization import reach_of
from rlcore.algorithm.richardson_lucy import State
from rlcore.backend import Shape
from rlcore.planner.plan import Plan
from rlcore.planner.tilings import Tiling

RATIO, OTHER_RATIO, RESULT, POINT = "ratio", "other-ratio", "result", "point"
START = State("start", "start")
"""Names of volumes beside the estimates and points."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass over all blocks, after which halos are fresh."""

    kind: Literal["iterate", "blur", "correct"]
    tiling: Tiling
    source: State
    """The volumes that it reads."""
    target: State
    """The volumes that hold the state after it."""
    before: int
    """Iterations that are done everywhere before this sweep."""
    finished: int
    """Iterations that are done everywhere after this sweep."""

    @property
    def written(self) -> tuple[tuple[int, str], ...]:
        """The parts of the next state that are written, by index, each with the volume that it goes to."""
        if self.kind == "blur":
            return ()
        estimate, previous, point = self.target
        parts = [(0, estimate)]
        if previous not in (estimate, self.source.estimate):
            parts.append((1, previous))
        if point is not None:
            parts.append((2, point))
        return tuple(parts)

    @property
    def in_place(self) -> bool:
        """True if it overwrites the state it reads, so that it cannot be repeated once it has begun."""
        return any(name in self.source for _, name in self.written)

    @property
    def result(self) -> tuple[State, int]:
        """The volumes that hold the state after it, and the number of iterations done then."""
        return self.target, self.finished

    @property
    def units(self) -> int:
        """Work in it: blocks times half-steps."""
        return len(self.tiling) * (2 * (self.finished - self.before) if self.kind == "iterate" else 1)


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
    last, by_halves = plan.tiling_to_result(chunks), plan.half_steps == 1 and not plan.is_whole
    while finished < plan.iterations:
        step = min(1 if by_halves else _step(plan, keep_last), plan.iterations - finished)
        ends = finished + step == plan.iterations
        to_result = ends and not (by_halves and gather)
        in_place = by_halves and not keep_last and not reach_of(plan.regularization)
        target = _target(plan, state, step, in_place=in_place, ends=ends, to_result=to_result)
        after = finished + step
        if by_halves:
            yield Sweep("blur", plan.tiling_to_blur(), state, state, finished, finished)
            yield Sweep("correct", last if to_result else plan.tiling_to_correct(), state, target, finished, after)
        else:
            yield Sweep("iterate", last if to_result else plan.tiling(), state, target, finished, after)
        state, finished = target, after


def _target(plan: Plan, state: State, step: int, *, in_place: bool, ends: bool, to_result: bool) -> State:
    """The volumes for the state after a sweep of `step` iterations that reads `state`; the last leaves one estimate."""
    if to_result:
        estimate = RESULT
    elif in_place and state.previous != START.previous:
        estimate = state.previous
    else:
        estimate = _unused("estimate", state)
    if ends or plan.acceleration == "none":
        return State(estimate, estimate)
    previous = state.estimate if step == 1 else _unused("estimate", (*state, estimate))
    if plan.acceleration not in ADAPTIVE:
        return State(estimate, previous)
    return State(estimate, previous, state.point if in_place and state.point else _unused(POINT, state))


def _unused(kind: str, names: tuple[str | None, ...]) -> str:
    """The first name of this kind that the state does not use."""
    return next(name for name in map(f"{kind}-{{}}".format, itertools.count()) if name not in names)


def _step(plan: Plan, keep_last: bool) -> int:
    """Iterations per sweep: of a whole volume all of them, or a tenth of the run if there is a checkpoint."""
    if plan.is_whole:
        return -(-plan.iterations // 10) if keep_last else plan.iterations
    return plan.iterations_per_sweep
