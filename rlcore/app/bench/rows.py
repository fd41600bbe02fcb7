"""A row: everything that was measured of one contender on one problem, and the figures that people read."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from rlcore.app.bench.contestants import Contestant
from rlcore.app.bench.schedule import TRIAL, TrialTimes, by_difference


@dataclass(slots=True)
class Row:
    """Samples in seconds and bytes, in the order in which they were taken."""

    name: str
    ours: bool
    facts: dict[str, Any] = field(default_factory=dict)
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    iteration: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    planning: list[float] = field(default_factory=list)
    """The first with nothing kept on disk, the others in new processes that find what the first kept."""
    peak: list[int] = field(default_factory=list)
    iterations: int = 0
    """Of its calls: fewer than asked for where more would not have ended in time."""
    trial: dict[str, Any] = field(default_factory=dict)
    """What the first quick call told, in seconds and bytes; figures only where there was time for no other."""
    walls: list[float] = field(default_factory=list)
    """Seconds that the processes of its turns lived."""
    error: float | None = None
    """Largest difference to float64, as a share of its maximum."""
    failure: str = ""
    """Why it was not measured, or not to the end."""

    @classmethod
    def of(cls, contestant: Contestant) -> Row:
        return cls(contestant.label, contestant.ours, failure=contestant.reason or contestant.skipped)

    def take_trial(self, answer: dict[str, Any]) -> None:
        """Keep what a trial told."""
        self.facts, self.failure = answer.get("facts", {}), answer.get("failure", "")
        if self.failure:
            return
        again, one = answer["again"], answer["one"]
        call = again or answer["call"]
        each = answer["each"] if one is None else by_difference(call, one, TRIAL) if again else one
        start = max(0.0, answer["wall"] - (2 if again else 1) * call - (one or 0.0))
        self.trial = {key: answer[key] for key in ("cold", "peak", "self_timed", "wall")}
        self.trial |= {"warm": again, "call": call, "iteration": each, "start": start}
        if answer["planning"] is not None:
            self.planning.append(answer["planning"])

    @property
    def trial_times(self) -> TrialTimes:
        """How long its turns will take, by its trial."""
        return TrialTimes(*(self.trial[key] for key in ("start", "call", "iteration", "self_timed")))

    def take(self, answer: dict[str, Any], iterations: int) -> None:
        """Add a turn's measurements."""
        self.facts = answer.get("facts", self.facts)
        self.failure, self.iterations = answer.get("failure", ""), iterations
        self.walls.append(answer["wall"])
        for key in ("cold", "planning", "peak"):
            if answer.get(key) is not None:
                getattr(self, key).append(answer[key])
        for key in ("warm", "iteration", "floor"):
            getattr(self, key).extend(value for value in answer.get(key, []) if value is not None)
        if not answer.get("warm") and answer.get("first") is not None:
            self.iteration.append(answer["first"])

    def settle(self) -> None:
        """Where the trial is all there is, that becomes the row."""
        if self.trial and not self.iteration and not self.cold:
            self.iterations = TRIAL
            for key in ("cold", "warm", "iteration", "peak"):
                if self.trial[key] is not None:
                    getattr(self, key).append(self.trial[key])

    def figures(self, voxels: int) -> dict[str, float | None]:
        """Medians, and ratios of neighbours in time; None where nothing was measured."""
        each, floor = _median(self.iteration), _median(self.floor)
        padded = math.prod(self.facts["padded"]) * 4 if self.facts.get("padded") else None
        peak, planned = max(self.peak, default=None), self.facts.get("plan_bytes")
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
        """Samples and figures, in types that JSON has."""
        return {**asdict(self), "figures": self.figures(voxels)}


def spread(samples: list[float]) -> float | None:
    """Half the range of the samples, as a share of their median."""
    middle = _median(samples)
    return (max(samples) - min(samples)) / 2 / middle if middle and len(samples) > 1 else None


def _median(samples: list[float]) -> float | None:
    return statistics.median(samples) if samples else None
