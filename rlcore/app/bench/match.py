"""All contenders on one problem: a quick trial of each, then turns in rounds, so that a drift of the machine hits all
alike; those that are too slow for a turn come last, with what time is left."""

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
"""Voxels of a transform beyond which float64 on one thread takes too long to be worth it."""
_SLACK = 1.5
"""Of what a turn is reckoned to take, since a process that finds its time too short leaves something out."""
_NO_TIME = "no time was left for it; give more --minutes"

Say = Callable[[str], None]


class Match:
    """All contenders on one problem, until a time by `time.monotonic`."""

    def __init__(self, problem: Problem, contestants: list[Contestant], processes: Processes, until: float, say: Say) -> None:
        self._problem, self._processes, self._until, self._say = problem, processes, until, say
        self._settings = processes.settings
        self._pairs = [(contestant, Row.of(contestant)) for contestant in contestants]
        self._slow: list[tuple[Contestant, Row]] = []
        psf = problem.psf_shape
        boundary = cast("Boundary", self._settings.boundary)
        self._geometry = Geometry(problem.shape, psf, tuple(p // 2 for p in psf), boundary)

    def run(self, *, reference: bool) -> dict[str, Any]:
        truth = self._reference() if reference else None
        participants = [pair for pair in self._pairs if not pair[1].failure]
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
        """The result in float64, in a file."""
        if math.prod(self._geometry.minimum_shape) > _LARGEST_REFERENCE:
            return None
        self._say(f"{self._problem.name}: reference in float64")
        path = self._file("float64")
        asked = Assignment(self._settings.iterations, self._left() / 6, result=path)
        answer = self._processes.measure(REFERENCE_CONTESTANT, self._problem, asked)
        if "failure" in answer:
            self._say(f"{self._problem.name}: no reference, {answer['failure']}")
            return None
        return path

    def _trial(self, contestant: Contestant, row: Row, seconds: float) -> None:
        """How fast it is, by a call of few iterations."""
        if not seconds:
            row.failure = _NO_TIME
            return
        self._say(f"{self._problem.name}: {contestant.label}, trial")
        row.take_trial(self._processes.measure(contestant, self._problem, Assignment(TRIAL, seconds, trial=True)))
        self._say_failure(contestant, row)

    def _turn(self, contestant: Contestant, row: Row, turn: int, truth: Path | None) -> None:
        """A turn of full calls, if its share of the time is enough for one."""
        settings, share = self._settings, self._share(row)
        turns = turns_within(share, row.trial_times, settings.iterations, settings.rounds - turn)
        if turns:
            self._say(f"{self._problem.name}: {contestant.label}, round {turn + 1}")
            self._take(contestant, row, settings.iterations, share / turns, truth)
        elif not row.walls:
            self._slow.append((contestant, row))

    def _short_turn(self, contestant: Contestant, row: Row, seconds: float, truth: Path | None) -> None:
        """As many iterations as end in time, unless the trial has had as many."""
        asked = self._settings.iterations
        iterations = row.trial_times.fitting(seconds, asked)
        if iterations > TRIAL:
            self._say(f"{self._problem.name}: {contestant.label}, {iterations} of {asked} iterations")
            self._take(contestant, row, iterations, seconds, truth if iterations == asked else None)

    def _take(self, contestant: Contestant, row: Row, iterations: int, seconds: float, truth: Path | None) -> None:
        """A turn; of our backends the first result is held against the reference, if there is one."""
        result = self._file("result") if truth and contestant.ours and not row.walls else None
        asked = Assignment(iterations, seconds, self._settings.cycles, result=result)
        row.take(self._processes.measure(contestant, self._problem, asked), iterations)
        if result and truth and result.exists():
            row.error = _difference(result, truth)
            result.unlink()
        self._say_failure(contestant, row)

    def _share(self, row: Row) -> float:
        """Seconds for all turns that this row has still to come."""
        others = [other for _, other in self._pairs if not other.failure and other is not row]
        return shares([self._wanted(row), *map(self._wanted, others)], self._left())[0]

    def _wanted(self, row: Row) -> float:
        """Seconds of its turns still to come, by those that it had."""
        settings = self._settings
        each = max(row.walls) if row.walls else row.trial_times.turn(settings.iterations, settings.cycles)
        return _SLACK * (each + 1) * (settings.rounds - len(row.walls))

    def _say_failure(self, contestant: Contestant, row: Row) -> None:
        if row.failure:
            self._say(f"{self._problem.name}: {contestant.label}: {row.failure}")

    def _file(self, name: str) -> Path:
        return self._processes.folder / f"{name}.npy"

    def _does_less(self, row: Row) -> bool:
        """Whether another program's transforms are smaller than this problem needs."""
        padded = row.facts.get("padded")
        return not row.ours and padded is not None and math.prod(padded) < math.prod(self._geometry.minimum_shape)

    def _remember(self, contestant: Contestant, row: Row) -> None:
        """Let `rlcore plan` know how fast a backend is here."""
        each = row.figures(1)["iteration"]
        if contestant.ours and each is not None and not row.failure:
            plan = Plan.from_dict(row.facts["plan"])
            speed.remember(load_backend(contestant.name, contestant.device), plan, each * plan.iterations)


def _difference(result: Path, truth: Path) -> float:
    """Largest difference as a share of the maximum, plane by plane."""
    pair = np.load(result, mmap_mode="r"), np.load(truth, mmap_mode="r")
    most = max(float(np.abs(a - b).max()) for a, b in zip(*pair, strict=True))
    return most / max(float(plane.max()) for plane in pair[1])
