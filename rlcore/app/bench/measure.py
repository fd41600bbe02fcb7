"""A whole run: problem after problem, each in its share of the time."""

from __future__ import annotations

import datetime
import math
import time
from dataclasses import asdict
from typing import Any

from rlcore.app.bench.bout import Bout, Say
from rlcore.app.bench.entrants import Entrant
from rlcore.app.bench.problems import Problem
from rlcore.app.bench.process import Processes, Settings

FORMAT = 2
"""Of result files."""
_START = 2_000_000
"""Voxels that take about as long as starting the processes of a problem does."""


def measure(
    problems: list[Problem],
    entrants: list[Entrant],
    processes: Processes,
    machine: dict[str, Any],
    *,
    reference: bool,
    say: Say,
) -> dict[str, Any]:
    """Results of everything, in types that JSON has."""
    found = []
    for number, problem in enumerate(problems):
        share = _weight(problem) / sum(map(_weight, problems[number:]))
        bout = Bout(problem, entrants, processes, time.monotonic() + share * processes.left(), say)
        found.append(bout.run(reference=reference))
    return {
        "format": FORMAT,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "settings": asdict(processes.settings),
        "problems": found,
    }


def _weight(problem: Problem) -> float:
    """Of a problem among those that share the time; what the small leave goes to the next."""
    return math.prod(problem.shape) + _START


def settings_of(options: dict[str, Any]) -> Settings:
    """Settings out of the command's options."""
    return Settings(**{key: options[key] for key in ("iterations", "boundary", "rounds", "cycles", "minutes")})
