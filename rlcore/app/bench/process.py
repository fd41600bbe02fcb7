"""Runs a contender's measurements in a process of its own, one process at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlcore.app.bench.contestants import Contestant
from rlcore.app.bench.problems import Problem
from rlcore.errors import BackendError

_LEAST = 15.0
"""Seconds that every process gets while there is time: to start, and to say what goes wrong."""
_CACHES = ("XDG_CACHE_HOME", "CUPY_CACHE_DIR", "POCL_CACHE_DIR")


@dataclass(frozen=True, slots=True)
class Settings:
    """How everything is run."""

    iterations: int
    boundary: str
    rounds: int
    cycles: int
    minutes: float
    """What everything together may take."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a process is to measure."""

    iterations: int
    seconds: float
    """What it plans with; it is ended when it has taken twice as long, or the benchmark's time is over."""
    cycles: int = 0
    """Warm calls after the cold one, as many of them as end in time."""
    trial: bool = False
    """Whether only to see how fast it is."""
    result: Path | None = None
    """A file for the restored volume."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Starts processes; `folder` holds their files, and their caches, which are empty when the benchmark begins."""

    folder: Path
    settings: Settings
    deadline: float
    """By `time.monotonic`."""

    def left(self) -> float:
        """Seconds until the benchmark has to end."""
        return self.deadline - time.monotonic()

    def survey(self) -> tuple[list[Contestant], list[dict[str, Any]]]:
        """Who can take part, and the OpenCL devices with their drivers."""
        answer = self._run({"name": None}, self.left())
        if "contestants" not in answer:
            raise BackendError(f"backends cannot be surveyed: {answer.get('failure', 'no answer')}")
        return [Contestant(**contestant) for contestant in answer["contestants"]], answer["opencl"]

    def measure(self, contestant: Contestant, problem: Problem, asked: Assignment) -> dict[str, Any]:
        """What a new process measured, and `wall`, the seconds that it lived."""
        began = time.monotonic()
        task = {
            "name": contestant.name,
            "device": contestant.device,
            "image": problem.image,
            "psf": problem.psf,
            "boundary": self.settings.boundary,
            "cache": str(self._cache()),
            "iterations": asked.iterations,
            "cycles": asked.cycles,
            "trial": asked.trial,
            "result": None if asked.result is None else str(asked.result),
            "until": time.time() + asked.seconds,
        }
        answer = self._run(task, min(max(_LEAST, 2 * asked.seconds), self.left()))
        return answer | {"wall": time.monotonic() - began}

    def _cache(self) -> Path:
        cache = self.folder / "cache"
        cache.mkdir(exist_ok=True)
        return cache

    def _run(self, task: dict[str, Any], limit: float) -> dict[str, Any]:
        """The answer of a process that is ended after `limit` seconds, with what it had measured by then."""
        paths = self.folder / "task.json", self.folder / "answer.json"
        paths[0].write_text(json.dumps(task))
        paths[1].unlink(missing_ok=True)
        caches = {name: str(self._cache() / name.lower()) for name in _CACHES}
        command = [sys.executable, "-m", "rlcore.app.bench.worker", *map(str, paths)]
        problem = ""
        with (self.folder / "log.txt").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | caches)
            try:
                code = process.wait(max(0.0, limit))
                problem = "" if code == 0 else _died(code, self.folder / "log.txt")
            except subprocess.TimeoutExpired:
                problem = f"ended after {max(0.0, limit):.0f} s: its share of the time; give more --minutes"
            finally:
                process.kill()
                process.wait()
        answer: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            answer = json.loads(paths[1].read_text())
        return answer | ({"failure": problem} if problem and "failure" not in answer else {})


def _died(code: int, log: Path) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}{', perhaps for its memory' if code == -signal.SIGKILL else ''}"
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {code}"
