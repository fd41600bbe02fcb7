"""Who may take how long, so that a benchmark ends in the time it was given: pure arithmetic on seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TRIAL = 2
"""Iterations of the first quick call, by which later ones are reckoned."""
_START = 2_000_000
"""Voxels that take about as long as starting the processes of a problem does."""
_EACH = 12.0
"""Seconds a contender in which it comes to a turn, on cards too, where processes are slow to start."""


@dataclass(frozen=True, slots=True)
class TrialTimes:
    """What a contender's trial took, in seconds."""

    start: float
    """A process without its calls: imports, opening the device, reading the problem, what a first call compiles."""
    call: float
    """A call of TRIAL iterations."""
    iteration: float
    self_timed: bool
    """Whether it self_timed the time of an iteration itself, so that one call is enough to know it."""

    def turn(self, iterations: int, cycles: int) -> float:
        """A turn of a cold call and `cycles` warm ones, bare transforms included."""
        call = self._call(iterations)
        bare = 3 * self.iteration if cycles else 0.0
        apart = 0.0 if self.self_timed else self._call(1)
        return self.start + call + bare + cycles * (call + apart + self.iteration)

    def fitting(self, seconds: float, iterations: int) -> int:
        """The most iterations of which a turn ends in time; at most `iterations`, and TRIAL where no more fit."""
        cycles = 0 if self.self_timed else 1
        spare = seconds - self.turn(TRIAL, cycles)
        more = math.floor(spare / max(1e-9, (1 + cycles) * self.iteration)) if spare > 0 else 0
        return min(iterations, TRIAL + more)

    def _call(self, iterations: int) -> float:
        return max(self.iteration, self.call + (iterations - TRIAL) * self.iteration)


def by_difference(call: float, one: float, iterations: int) -> float:
    """Seconds per iteration of a call, by one of a single iteration; where noise hides it, its share of the call."""
    return (call - one) / (iterations - 1) if call > one else call / iterations


def shares(wanted: Sequence[float], seconds: float) -> list[float]:
    """Divide time: nobody gets more than it wants, and what the quick leave goes to the slow in equal parts."""
    found = [0.0] * len(wanted)
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    left = max(0.0, seconds)
    for place, number in enumerate(order):
        found[number] = min(wanted[number], left / (len(order) - place))
        left -= found[number]
    return found


def time_for_first(voxels: Sequence[int], participants: int, seconds: float) -> float:
    """What the first of several problems gets: by its size, but enough for a turn of everyone, where there is as much.

    What it leaves goes to the next.
    """
    weights = [each + _START for each in voxels]
    return max(seconds * weights[0] / sum(weights), min(_EACH * participants, seconds / len(voxels)))


def turns_within(share: float, trial_times: TrialTimes, iterations: int, turns: int) -> int:
    """How many turns of full calls, each with a warm one, a share is enough for; 0 if not for one."""
    return min(turns, math.floor(share / max(1e-9, trial_times.turn(iterations, 1))))
