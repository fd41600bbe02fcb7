"""A whole run: every contender in turn, round by round, so that a drift of the machine hits all alike."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from rlcore.app import speed
from rlcore.app.bench.entrants import REFERENCE_ENTRANT, Entrant
from rlcore.app.bench.machine import describe
from rlcore.app.bench.problems import Problem
from rlcore.app.bench.process import Processes, Settings
from rlcore.app.bench.rows import Row
from rlcore.boundary import Boundary, Geometry
from rlcore.planner import Plan
from rlcore.registry import load_backend

FORMAT = 1
"""Of result files."""
_LARGEST_REFERENCE = 40_000_000
"""Voxels of a transform beyond which float64 on one thread takes too long to be worth it."""

Say = Callable[[str], None]


def measure(
    problems: list[Problem], entrants: list[Entrant], processes: Processes, *, reference: bool, say: Say
) -> dict[str, Any]:
    """Results of everything, in types that JSON has."""
    settings = processes.settings
    return {
        "format": FORMAT,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": describe(),
        "settings": {"iterations": settings.iterations, "boundary": settings.boundary, "rounds": settings.rounds},
        "problems": [_Bout(problem, entrants, processes, say).run(reference=reference) for problem in problems],
    }


class _Bout:
    """All contenders on one problem."""

    def __init__(self, problem: Problem, entrants: list[Entrant], processes: Processes, say: Say) -> None:
        self._problem, self._processes, self._say = problem, processes, say
        self._pairs = [(entrant, Row.of(entrant)) for entrant in entrants]
        psf = problem.psf_shape
        boundary = cast("Boundary", processes.settings.boundary)
        self._geometry = Geometry(problem.shape, psf, tuple(p // 2 for p in psf), boundary)

    def run(self, *, reference: bool) -> dict[str, Any]:
        truth = self._reference() if reference else None
        for turn in range(self._processes.settings.rounds):
            for entrant, row in self._pairs:
                if not row.failure and (turn == 0 or row.spent < self._processes.settings.seconds):
                    self._round(entrant, row, turn, truth)
        for entrant, row in self._pairs:
            self._remember(entrant, row)
        voxels = math.prod(self._problem.shape)
        rows = [{**row.to_dict(voxels), "less_work": self._does_less(row)} for _, row in self._pairs]
        return {**self._problem.to_dict(), "rows": rows}

    def _reference(self) -> Path | None:
        """The result in float64, in a file."""
        if math.prod(self._geometry.least_shape) > _LARGEST_REFERENCE:
            return None
        self._say(f"{self._problem.name}: reference in float64")
        path = self._file("float64")
        answer = self._processes.measure(REFERENCE_ENTRANT, self._problem, result=path, only=True)
        if "failure" in answer:
            self._say(f"{self._problem.name}: no reference, {answer['failure']}")
            return None
        return path

    def _round(self, entrant: Entrant, row: Row, turn: int, truth: Path | None) -> None:
        self._say(f"{self._problem.name}: {entrant.label}, round {turn + 1}")
        result = self._file("result") if truth and entrant.ours and turn == 0 else None
        row.take(self._processes.measure(entrant, self._problem, result=result))
        if row.failure:
            self._say(f"{self._problem.name}: {entrant.label}: {row.failure}")
        elif result and truth:
            row.error = _difference(result, truth)
            result.unlink()

    def _file(self, name: str) -> Path:
        return self._processes.folder / f"{name}.npy"

    def _does_less(self, row: Row) -> bool:
        """Whether another program's transforms are smaller than this problem needs."""
        padded = row.facts.get("padded")
        return not row.ours and padded is not None and math.prod(padded) < math.prod(self._geometry.least_shape)

    def _remember(self, entrant: Entrant, row: Row) -> None:
        """Let `rlcore plan` know how fast a backend is here."""
        each = row.figures(1)["iteration"]
        if entrant.ours and each is not None and not row.failure:
            plan = Plan.from_dict(row.facts["plan"])
            speed.remember(load_backend(entrant.name, entrant.device), plan, each * plan.iterations)


def _difference(result: Path, truth: Path) -> float:
    """Largest difference as a share of the maximum, plane by plane."""
    pair = np.load(result, mmap_mode="r"), np.load(truth, mmap_mode="r")
    most = max(float(np.abs(a - b).max()) for a, b in zip(*pair, strict=True))
    return most / max(float(plane.max()) for plane in pair[1])


def settings_of(options: dict[str, Any]) -> Settings:
    """Settings out of the command's options."""
    return Settings(**{key: options[key] for key in ("iterations", "boundary", "rounds", "cycles", "seconds")})
