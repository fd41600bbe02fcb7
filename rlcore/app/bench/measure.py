"""Whole benchmark: problem after problem, each in its share of the time."""

from __future__ import annotations

import datetime
import math
import time
from dataclasses import asdict
from typing import Any

from rlcore.app.bench.contestants import Contestant
from rlcore.app.bench.match import Match, Say
from rlcore.app.bench.problems import Problem
from rlcore.app.bench.process import Processes, Settings
from rlcore.app.bench.schedule import time_for_first

FORMAT = 2
"""Format of result files; raised when an older file could no longer be compared."""


def measure(
    problems: list[Problem],
    contestants: list[Contestant],
    processes: Processes,
    machine: dict[str, Any],
    *,
    reference: bool,
    say: Say,
) -> dict[str, Any]:
    """Measures all contestants on all problems.

    Parameters
    ----------
    problems : list of Problem
    contestants : list of Contestant
    processes : Processes
        Starts the process of each measurement.
    machine : dict
        Description of the machine, for the results.
    reference : bool
        Measure errors against a float64 result.
    say : callable
        Receives lines about the progress.

    Returns
    -------
    dict
        Results in types that JSON has.
    """
    found = []
    participants = sum(not (contestant.reason or contestant.skipped) for contestant in contestants)
    for number, problem in enumerate(problems):
        # divided anew for every problem, so that time saved on one goes to the others
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
    """Extracts the settings from the command's options."""
    return Settings(**{key: options[key] for key in ("iterations", "boundary", "rounds", "cycles", "minutes")})
