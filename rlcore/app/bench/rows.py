"""Row of results: all measurements of one contestant on one problem, and the figures computed from them."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from rlcore.app.bench.contestants import Contestant
from rlcore.app.bench.schedule import TRIAL, TrialTimes, by_difference


@dataclass(slots=True)
class Row:
    """Samples of one contestant in seconds and bytes, in the order in which they were taken."""

    name: str
    ours: bool
    facts: dict[str, Any] = field(default_factory=dict)
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    iteration: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    planning: list[float] = field(default_factory=list)
    """Planning of transforms: first with empty caches, then in new processes that find them filled."""
    peak: list[int] = field(default_factory=list)
    iterations: int = 0
    """Iterations of each call; fewer than requested if more would not have ended in time."""
    trial: dict[str, Any] = field(default_factory=dict)
    """Measurements of the trial in seconds and bytes; used for figures only if there was time for nothing else."""
    walls: list[float] = field(default_factory=list)
    """Lifetime in seconds of the process of each turn."""
    error: float | None = None
    """Largest difference from the float64 result, relative to its maximum."""
    failure: str = ""
    """Reason why measurements are missing or incomplete; empty if none are."""

    @classmethod
    def of(cls, contestant: Contestant) -> Row:
        """Creates the empty row of a contestant, with the reason if it does not run."""
        return cls(contestant.label, contestant.ours, failure=contestant.reason or contestant.skipped)

    def take_trial(self, answer: dict[str, Any]) -> None:
        """Stores the measurements of a trial."""
        self.facts, self.failure = answer.get("facts", {}), answer.get("failure", "")
        if self.failure:
            return
        # `again` is a second call on a card, without compiling; `one` is a call of a single iteration, made only where
        # the program does not report the time of an iteration itself
        again, one = answer["again"], answer["one"]
        call = again or answer["call"]
        each = answer["each"] if one is None else by_difference(call, one, TRIAL) if again else one
        # the rest of the process's lifetime is the time to start
        start = max(0.0, answer["wall"] - (2 if again else 1) * call - (one or 0.0))
        self.trial = {key: answer[key] for key in ("cold", "peak", "self_timed", "wall")}
        self.trial |= {"warm": again, "call": call, "iteration": each, "start": start}
        if answer["planning"] is not None:
            self.planning.append(answer["planning"])

    @property
    def trial_times(self) -> TrialTimes:
        """Times of the trial, from which the length of turns is predicted."""
        return TrialTimes(*(self.trial[key] for key in ("start", "call", "iteration", "self_timed")))

    def take(self, answer: dict[str, Any], iterations: int) -> None:
        """Adds the measurements of a turn."""
        self.facts = answer.get("facts", self.facts)
        self.failure, self.iterations = answer.get("failure", ""), iterations
        self.walls.append(answer["wall"])
        for key in ("cold", "planning", "peak"):
            if answer.get(key) is not None:
                getattr(self, key).append(answer[key])
        for key in ("warm", "iteration", "floor"):
            getattr(self, key).extend(value for value in answer.get(key, []) if value is not None)
        # without warm calls, the time per iteration of the cold call is the only one
        if not answer.get("warm") and answer.get("first") is not None:
            self.iteration.append(answer["first"])

    def settle(self) -> None:
        """Copies the trial's measurements into the row if there are no others."""
        if self.trial and not self.iteration and not self.cold:
            self.iterations = TRIAL
            for key in ("cold", "warm", "iteration", "peak"):
                if self.trial[key] is not None:
                    getattr(self, key).append(self.trial[key])

    def figures(self, voxels: int) -> dict[str, float | None]:
        """Returns the figures of the row; None where nothing was measured.

        Parameters
        ----------
        voxels : int
            Voxels of the image.
        """
        each, floor = _median(self.iteration), _median(self.floor)
        padded = math.prod(self.facts["padded"]) * 4 if self.facts.get("padded") else None
        peak, planned = max(self.peak, default=None), self.facts.get("plan_bytes")
        # ratios of neighbours in time cancel slow drifts of the machine, which ratios of medians do not
        ratios = [i / f for i, f in zip(self.iteration, self.floor, strict=False)]
        return {
            "iteration": each,
            "iteration_spread": spread(self.iteration),
            "cold": _median(self.cold),
            "warm": _median(self.warm),
            "warm_spread": spread(self.warm),
            "rate": voxels / each / 1e6 if each else None,
            "floor": floor,
            "floor_ratio": _median(ratios),
            "planning_first": self.planning[0] if self.planning else None,
            "planning_later": _median(self.planning[1:]),
            "peak": peak,
            "peak_of_plan": peak / planned if peak and planned else None,
            "peak_in_volumes": peak / padded if peak and padded else None,
            "error": self.error,
        }

    def to_dict(self, voxels: int) -> dict[str, Any]:
        """Returns samples and figures in types that JSON has."""
        return {**asdict(self), "figures": self.figures(voxels)}


def spread(samples: list[float]) -> float | None:
    """Returns half the range of the samples, relative to their median; None for fewer than two samples."""
    middle = _median(samples)
    return (max(samples) - min(samples)) / 2 / middle if middle and len(samples) > 1 else None


def _median(samples: list[float]) -> float | None:
    return statistics.median(samples) if samples else None
