"""How fast a backend has been here: measured by every run, kept between runs, and what it predicts of a plan."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import platformdirs

from rlcore.backend import Backend
from rlcore.budget import processors
from rlcore.execution.progress import Callback, Progress
from rlcore.planner import Plan
from rlcore.planner.needs import cost_of_whole

_LEAST_SHARE = 0.3
"""Of a run's work, what has to be timed for a figure worth keeping."""


class Stopwatch:
    """A callback that times the iterations, planning and reading apart, and passes on to another callback."""

    def __init__(self, callback: Callback | None = None) -> None:
        self._callback = callback
        self._first: Progress | None = None
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> object:
        if not progress.looking:
            self._first = self._first or progress
            self._last = progress
        return None if self._callback is None else self._callback(progress)

    @property
    def elapsed(self) -> float:
        """Seconds from the first iteration's beginning to the last that was told."""
        return 0.0 if self._last is None else self._last.elapsed

    @property
    def seconds_per_run(self) -> float | None:
        """What all iterations take, by those that were timed; None if they were too few."""
        if self._first is None or self._last is None:
            return None
        share = self._last.fraction - self._first.fraction
        return (self._last.elapsed - self._first.elapsed) / share if share >= _LEAST_SHARE else None


def remember(backend: Backend[Any], plan: Plan, seconds: float) -> None:
    """Keep what a run of this plan took. A cache that cannot be written is done without."""
    known = _read()
    size = str(round(math.log2(math.prod(plan.block_shape))))
    known.setdefault(_key(backend), {})[size] = seconds / _cost(backend, plan)
    with contextlib.suppress(OSError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(known, indent=2))
        beside.replace(path)


def predict(backend: Backend[Any], plan: Plan) -> float | None:
    """Seconds that the iterations of a plan will take, by what was measured at the nearest block size; None if nothing
    was."""
    rates = _read().get(_key(backend), {})
    if not rates:
        return None
    size = math.log2(math.prod(plan.block_shape))
    nearest = min(rates, key=lambda known: abs(float(known) - size))
    return float(rates[nearest]) * _cost(backend, plan)


def duration(seconds: float) -> str:
    """``0.0123`` as ``12 ms``, ``4000`` as ``1 h 07 min``: for people."""
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
    """A plan's time in the backend's own units, as the planner reckoned it."""
    return (1 + plan.overhead) * cost_of_whole(plan.geometry, plan.iterations, backend)


def _key(backend: Backend[Any]) -> str:
    return f"{backend.name} on {backend.device}, {processors()} processors"


def _path() -> Path:
    return Path(platformdirs.user_cache_dir("rlcore")) / "speed.json"


def _read() -> dict[str, dict[str, float]]:
    try:
        known = json.loads(_path().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
