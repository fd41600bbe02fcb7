"""A whole run: problem after problem, each in its share of the time."""

from __future__ import annotations

import datetime
import math
import time
from dataclasses import asdict
from typing import Any

from rlcore.app.bench.match import Match, Say
from rlcore.app.bench.contestants import Contestant
from rlcore.app.bench.problems import Problem
from rlcore.app.bench.process import Processes, Settings
from rlcore.app.bench.schedule import time_for_first

FORMAT = 2
"""Of result files."""


def measure(
    problems: list[Problem],
    contestants: list[Contestant],
    processes: Processes,
    machine: dict[str, Any],
    *,
    reference: bool,
    say: Say,
) -> dict[str, Any]:
    """Results of everything, in types that JSON has."""
    found = []
    participants = sum(not (contestant.reason or contestant.skipped) for contestant in contestants)
    for number, problem in enumerate(problems):
        seconds = time_for_first([math.prod(each.shape) for each in problems[number:]], participants, processes.left())
        match = Match(problem, contestants, processes, time.monotonic() + seconds, say)
        found.append(match.run(reference=reference))
    return {
        "format": FORMAT,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "settings": asdict(processes.settings),
        "problems": found,
    }


def settings_of(options: dict[str, Any]) -> Settings:
    """Settings out of the command's options."""
    return Settings(**{key: options[key] for key in ("iterations", "boundary", "rounds", "cycles", "minutes")})
