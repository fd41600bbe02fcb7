"""Measured speed of backends on this machine: timed in every run, cached between runs, used to predict plans."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import platformdirs

from rlcore.backend import Backend
from rlcore.backend.host.memory import processors
from rlcore.execution.progress import Callback, Progress
from rlcore.planner import Plan
from rlcore.planner.requirements import cost_of_whole

_MINIMUM_SHARE = 0.3
"""Share of a run's work that must be timed for a reliable figure."""


class Stopwatch:
    """A callback that times the iterations, without planning and reading, and forwards to another callback."""

    def __init__(self, callback: Callback | None = None) -> None:
        self._callback = callback
        self._first: Progress | None = None
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> object:
        # iterations that search for their number run on part of the photons, and are repeated
        if not progress.looking:
            self._first = self._first or progress
            self._last = progress
        return None if self._callback is None else self._callback(progress)

    @property
    def elapsed(self) -> float:
        """Seconds from the start of the iterations to the last report."""
        return 0.0 if self._last is None else self._last.elapsed

    @property
    def seconds_per_run(self) -> float | None:
        """Seconds for all iterations, extrapolated from those timed; None if too few were timed."""
        if self._first is None or self._last is None:
            return None
        # the first report is the starting point, as the first step includes compiling and planning transforms
        share = self._last.fraction - self._first.fraction
        return (self._last.elapsed - self._first.elapsed) / share if share >= _MINIMUM_SHARE else None


def remember(backend: Backend[Any], plan: Plan, seconds: float) -> None:
    """Caches the time of a run.

    Parameters
    ----------
    backend : Backend
    plan : Plan
        Plan of the run.
    seconds : float
        Time of all its iterations.
    """
    known = _read()
    # one entry per power of two, so that the cache stays small however many shapes are run
    size = str(round(math.log2(math.prod(plan.block_shape))))
    known.setdefault(_key(backend), {})[size] = seconds / _cost(backend, plan)
    with contextlib.suppress(OSError):  # the cache is optional: a run must not fail on a full or read-only disk
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        # runs side by side must not write into one file
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(known, indent=2))
        partial.replace(path)


def predict(backend: Backend[Any], plan: Plan) -> float | None:
    """Predicts the seconds that a plan's iterations take, from the nearest measured block size; None if none is."""
    rates = _read().get(_key(backend), {})
    if not rates:
        return None
    size = math.log2(math.prod(plan.block_shape))
    nearest = min(rates, key=lambda known: abs(float(known) - size))
    return float(rates[nearest]) * _cost(backend, plan)


def duration(seconds: float) -> str:
    """Formats seconds for people: ``0.0123`` as ``12.3 ms``, ``4000`` as ``1 h 07 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
    return f"{hours / 24:.3g} days"


def _cost(backend: Backend[Any], plan: Plan) -> float:
    """Returns a plan's cost in the backend's own units, as estimated by the planner."""
    return (1 + plan.overhead) * cost_of_whole(plan.geometry, plan.iterations, backend)


def _key(backend: Backend[Any]) -> str:
    # a container or a scheduler may give one machine fewer processors from run to run
    return f"{backend.name} on {backend.device}, {processors()} processors"


def _path() -> Path:
    return Path(platformdirs.user_cache_dir("rlcore")) / "speed.json"


def _read() -> dict[str, dict[str, float]]:
    try:
        known = json.loads(_path().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
