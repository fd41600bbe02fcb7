"""Match: all contestants on one problem. After a quick trial of each, they take turns in rounds, so that drift of the
machine's speed affects all alike. Contestants too slow for a full turn come last, in the remaining time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from rlcore.algorithm.boundary import Boundary, Geometry
from rlcore.app import speed
from rlcore.app.bench.contestants import REFERENCE_CONTESTANT, Contestant
from rlcore.app.bench.problems import Problem
from rlcore.app.bench.process import Assignment, Processes
from rlcore.app.bench.rows import Row
from rlcore.app.bench.schedule import TRIAL, shares, turns_within
from rlcore.backend.discovery.registry import load_backend
from rlcore.planner import Plan

_LARGEST_REFERENCE = 40_000_000
"""Size of a transform, in voxels, above which the float64 reference on one thread takes too long."""
_SLACK = 1.5
"""Factor on the expected time of a turn; a process that runs out of time leaves out measurements."""
_NO_TIME = "no time was left for it; give more --minutes"

Say = Callable[[str], None]


class Match:
    """A match of all contestants on one problem.

    Parameters
    ----------
    problem : Problem
    contestants : list of Contestant
    processes : Processes
        Starts the process of each measurement.
    until : float
        End of the match by `time.monotonic`.
    say : callable
        Receives lines about the progress.
    """

    def __init__(
        self, problem: Problem, contestants: list[Contestant], processes: Processes, until: float, say: Say
    ) -> None:
        self._problem, self._processes, self._until, self._say = problem, processes, until, say
        self._settings = processes.settings
        self._pairs = [(contestant, Row.of(contestant)) for contestant in contestants]
        self._slow: list[tuple[Contestant, Row]] = []
        psf = problem.psf_shape
        boundary = cast("Boundary", self._settings.boundary)
        self._geometry = Geometry(problem.shape, psf, tuple(p // 2 for p in psf), boundary)

    def run(self, *, reference: bool) -> dict[str, Any]:
        """Measures all contestants and returns the results in types that JSON has."""
        truth = self._reference() if reference else None
        participants = [pair for pair in self._pairs if not pair[1].failure]
        # trials take at most half of the time left, and each passes what it saves to those after it
        for number, (contestant, row) in enumerate(participants):
            self._trial(contestant, row, self._left() / 2 / (len(participants) - number))
        for turn in range(self._settings.rounds):
            for contestant, row in participants:
                if not row.failure and (contestant, row) not in self._slow:
                    self._turn(contestant, row, turn, truth)
        for number, (contestant, row) in enumerate(self._slow):
            self._short_turn(contestant, row, self._left() / (len(self._slow) - number), truth)
        for contestant, row in participants:
            row.settle()
            self._remember(contestant, row)
        voxels = math.prod(self._problem.shape)
        rows = [{**row.to_dict(voxels), "less_work": self._does_less(row)} for _, row in self._pairs]
        return {**self._problem.to_dict(), "rows": rows}

    def _left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def _reference(self) -> Path | None:
        """Computes the float64 reference and returns its file; None if it is too large or fails."""
        if math.prod(self._geometry.minimum_shape) > _LARGEST_REFERENCE:
            return None
        self._say(f"{self._problem.name}: reference in float64")
        path = self._file("float64")
        assignment = Assignment(self._settings.iterations, self._left() / 6, result=path)
        answer = self._processes.measure(REFERENCE_CONTESTANT, self._problem, assignment)
        if "failure" in answer:
            self._say(f"{self._problem.name}: no reference, {answer['failure']}")
            return None
        return path

    def _trial(self, contestant: Contestant, row: Row, seconds: float) -> None:
        """Measures roughly how fast a contestant is, by a call of few iterations."""
        if not seconds:
            row.failure = _NO_TIME
            return
        self._say(f"{self._problem.name}: {contestant.label}, trial")
        row.take_trial(self._processes.measure(contestant, self._problem, Assignment(TRIAL, seconds, trial=True)))
        self._say_failure(contestant, row)

    def _turn(self, contestant: Contestant, row: Row, turn: int, truth: Path | None) -> None:
        """Takes a turn of full calls if the contestant's share of the time allows one."""
        settings, share = self._settings, self._share(row)
        turns = turns_within(share, row.trial_times, settings.iterations, settings.rounds - turn)
        if turns:
            self._say(f"{self._problem.name}: {contestant.label}, round {turn + 1}")
            self._take(contestant, row, settings.iterations, share / turns, truth)
        elif not row.walls:  # a contestant that has had a full turn needs no short one
            self._slow.append((contestant, row))

    def _short_turn(self, contestant: Contestant, row: Row, seconds: float, truth: Path | None) -> None:
        """Takes a turn of as many iterations as fit in the time, unless the trial had as many."""
        asked = self._settings.iterations
        iterations = row.trial_times.fitting(seconds, asked)
        if iterations > TRIAL:
            self._say(f"{self._problem.name}: {contestant.label}, {iterations} of {asked} iterations")
            # fewer iterations give another result, which has no reference
            self._take(contestant, row, iterations, seconds, truth if iterations == asked else None)

    def _take(self, contestant: Contestant, row: Row, iterations: int, seconds: float, truth: Path | None) -> None:
        """Takes a turn; the first result of a backend of ours is compared with the reference if there is one."""
        # other programs treat the boundary differently, so their results differ for other reasons than rounding
        result = self._file("result") if truth and contestant.ours and not row.walls else None
        assignment = Assignment(iterations, seconds, self._settings.cycles, result=result)
        row.take(self._processes.measure(contestant, self._problem, assignment), iterations)
        if result and truth and result.exists():
            row.error = _difference(result, truth)
            result.unlink()
        self._say_failure(contestant, row)

    def _share(self, row: Row) -> float:
        """Returns the seconds available for all remaining turns of this row."""
        others = [other for _, other in self._pairs if not other.failure and other is not row]
        return shares([self._wanted(row), *map(self._wanted, others)], self._left())[0]

    def _wanted(self, row: Row) -> float:
        """Returns the seconds that the remaining turns of a row need, judged by its turns so far or its trial."""
        settings = self._settings
        each = max(row.walls) if row.walls else row.trial_times.turn(settings.iterations, settings.cycles)
        return _SLACK * (each + 1) * (settings.rounds - len(row.walls))

    def _say_failure(self, contestant: Contestant, row: Row) -> None:
        if row.failure:
            self._say(f"{self._problem.name}: {contestant.label}: {row.failure}")

    def _file(self, name: str) -> Path:
        return self._processes.folder / f"{name}.npy"

    def _does_less(self, row: Row) -> bool:
        """Returns whether another program's transforms are smaller than the boundary of this problem requires."""
        padded = row.facts.get("padded")
        return not row.ours and padded is not None and math.prod(padded) < math.prod(self._geometry.minimum_shape)

    def _remember(self, contestant: Contestant, row: Row) -> None:
        """Caches the speed of a backend on this machine for `rlcore plan`."""
        each = row.figures(1)["iteration"]
        if contestant.ours and each is not None and not row.failure:
            plan = Plan.from_dict(row.facts["plan"])
            speed.remember(load_backend(contestant.name, contestant.device), plan, each * plan.iterations)


def _difference(result: Path, truth: Path) -> float:
    """Returns the largest difference relative to the maximum; plane by plane, as volumes may exceed memory."""
    pair = np.load(result, mmap_mode="r"), np.load(truth, mmap_mode="r")
    most = max(float(np.abs(a - b).max()) for a, b in zip(*pair, strict=True))
    return most / max(float(plane.max()) for plane in pair[1])
