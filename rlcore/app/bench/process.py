"""Runs a contender's measurements in a process of its own, one process at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlcore.app.bench.entrants import Entrant
from rlcore.app.bench.problems import Problem
from rlcore.errors import BackendError

_CACHES = ("XDG_CACHE_HOME", "CUPY_CACHE_DIR", "POCL_CACHE_DIR")


@dataclass(frozen=True, slots=True)
class Settings:
    """How everything is run."""

    iterations: int
    boundary: str
    rounds: int
    cycles: int
    seconds: float
    """What a contender may take over a problem before it gets no further rounds."""

    @property
    def limit(self) -> float:
        """Seconds after which a process is ended."""
        return max(600.0, 5 * self.seconds)


@dataclass(frozen=True, slots=True)
class Processes:
    """Starts processes; `folder` holds their files, and their caches, which are empty when the benchmark begins."""

    folder: Path
    settings: Settings

    def survey(self) -> list[Entrant]:
        """Who can take part."""
        answer = self._run({"name": None})
        if "entrants" not in answer:
            raise BackendError(f"backends cannot be surveyed: {answer.get('failure', 'no answer')}")
        return [Entrant(**entrant) for entrant in answer["entrants"]]

    def measure(self, entrant: Entrant, problem: Problem, *, result: Path | None, only: bool = False) -> dict[str, Any]:
        """One round of measurements; the restored volume goes to the file `result`, `only` that if so."""
        settings = self.settings
        return self._run(
            {
                "name": entrant.name,
                "device": entrant.device,
                "image": problem.image,
                "psf": problem.psf,
                "iterations": settings.iterations,
                "boundary": settings.boundary,
                "cycles": settings.cycles,
                "seconds": settings.seconds / 2,
                "cache": str(self._cache()),
                "result": None if result is None else str(result),
                "result_only": only,
            }
        )

    def _cache(self) -> Path:
        cache = self.folder / "cache"
        cache.mkdir(exist_ok=True)
        return cache

    def _run(self, task: dict[str, Any]) -> dict[str, Any]:
        paths = self.folder / "task.json", self.folder / "answer.json"
        paths[0].write_text(json.dumps(task))
        paths[1].unlink(missing_ok=True)
        caches = {name: str(self._cache() / name.lower()) for name in _CACHES}
        command = [sys.executable, "-m", "rlcore.app.bench.worker", *map(str, paths)]
        problem = ""
        with (self.folder / "log.txt").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | caches)
            try:
                code = process.wait(self.settings.limit)
                problem = "" if code == 0 else _died(code, self.folder / "log.txt")
            except subprocess.TimeoutExpired:
                problem = f"ended after {self.settings.limit:.0f} s"
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
