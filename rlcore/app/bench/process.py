"""Processes of the benchmark: one measurement each, one at a time."""

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

_MINIMUM = 15.0
"""Minimum time limit of a process in seconds: enough to start, and to report a failure."""
# caches of compiled kernels and plans; empty ones make the first call of every program a cold one
_CACHES = ("XDG_CACHE_HOME", "CUPY_CACHE_DIR", "POCL_CACHE_DIR")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings common to all measurements."""

    iterations: int
    boundary: str
    rounds: int
    cycles: int
    minutes: float
    """Time limit of the whole benchmark."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Measurement assigned to a process."""

    iterations: int
    seconds: float
    """Time that the process plans with. It is killed after twice as long, or at the end of the benchmark."""
    cycles: int = 0
    """Maximum number of warm calls after the cold one."""
    trial: bool = False
    """True if the measurement only estimates the speed."""
    result: Path | None = None
    """File for the restored volume; None if it is not needed."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Starts processes; `folder` holds their files and caches, and is empty at the start of the benchmark."""

    folder: Path
    settings: Settings
    deadline: float
    """End of the benchmark by `time.monotonic`."""

    def left(self) -> float:
        """Returns the seconds until the benchmark has to end."""
        return self.deadline - time.monotonic()

    def survey(self) -> tuple[list[Contestant], list[dict[str, Any]]]:
        """Lists all contestants, and the OpenCL devices with their drivers."""
        answer = self._run({"name": None}, self.left())
        if "contestants" not in answer:
            raise BackendError(f"backends cannot be surveyed: {answer.get('failure', 'no answer')}")
        return [Contestant(**contestant) for contestant in answer["contestants"]], answer["opencl"]

    def measure(self, contestant: Contestant, problem: Problem, assignment: Assignment) -> dict[str, Any]:
        """Runs a measurement in a new process; the answer includes `wall`, the lifetime of the process in seconds."""
        began = time.monotonic()
        task = {
            "name": contestant.name,
            "device": contestant.device,
            "image": problem.image,
            "psf": problem.psf,
            "boundary": self.settings.boundary,
            "cache": str(self._cache()),
            "iterations": assignment.iterations,
            "cycles": assignment.cycles,
            "trial": assignment.trial,
            "result": None if assignment.result is None else str(assignment.result),
            # not by time.monotonic, whose zero may differ between processes
            "until": time.time() + assignment.seconds,
        }
        answer = self._run(task, min(max(_MINIMUM, 2 * assignment.seconds), self.left()))
        return answer | {"wall": time.monotonic() - began}

    def _cache(self) -> Path:
        cache = self.folder / "cache"
        cache.mkdir(exist_ok=True)
        return cache

    def _run(self, task: dict[str, Any], limit: float) -> dict[str, Any]:
        """Runs a process, kills it after `limit` seconds, and returns the measurements that it completed."""
        paths = self.folder / "task.json", self.folder / "answer.json"
        paths[0].write_text(json.dumps(task))
        paths[1].unlink(missing_ok=True)  # else a process that dies at once would leave its predecessor's answer
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
    # a negative code is a signal; SIGKILL is sent by the kernel when memory runs out (our time limit ends elsewhere)
    if code < 0:
        return f"killed by {signal.Signals(-code).name}{', perhaps for its memory' if code == -signal.SIGKILL else ''}"
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {code}"
