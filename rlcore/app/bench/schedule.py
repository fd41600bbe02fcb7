"""Schedule of the benchmark: divides the time limit among contestants and problems; pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TRIAL = 2
"""Iterations of the trial, from which the time of later calls is predicted."""
_START = 2_000_000
"""Number of voxels that take about as long as starting the processes of a problem."""
_SECONDS_EACH = 12.0
"""Seconds that allow a contestant one turn, including cards, whose processes start slowly."""


@dataclass(frozen=True, slots=True)
class TrialTimes:
    """Times of a contestant's trial in seconds."""

    start: float
    """Start of a process: imports, opening the device, reading the problem, and compiling in the first call."""
    call: float
    """Time of a call of TRIAL iterations."""
    iteration: float
    """Time of an iteration."""
    self_timed: bool
    """True if it reports the time of an iteration itself, so that one call is enough to know it."""

    def turn(self, iterations: int, cycles: int) -> float:
        """Predicts the seconds of a turn: a cold call and `cycles` warm ones, with bare transforms."""
        call = self._call(iterations)
        bare = 3 * self.iteration if cycles else 0.0
        # a program that does not report it needs a further call of one iteration, for the difference
        apart = 0.0 if self.self_timed else self._call(1)
        return self.start + call + bare + cycles * (call + apart + self.iteration)

    def fitting(self, seconds: float, iterations: int) -> int:
        """Returns the most iterations with which a turn fits in the time: from TRIAL to `iterations`."""
        # a program that reports its iterations needs no warm call
        cycles = 0 if self.self_timed else 1
        spare = seconds - self.turn(TRIAL, cycles)
        more = math.floor(spare / max(1e-9, (1 + cycles) * self.iteration)) if spare > 0 else 0
        return min(iterations, TRIAL + more)

    def _call(self, iterations: int) -> float:
        return max(self.iteration, self.call + (iterations - TRIAL) * self.iteration)


def by_difference(call: float, one: float, iterations: int) -> float:
    """Returns seconds per iteration from the difference of two calls.

    Parameters
    ----------
    call, one : float
        Seconds of a call of `iterations` iterations, and of one iteration.
    iterations : int
        At least 2.
    """
    # on a noisy machine the longer call may take less time; then each iteration gets an equal share of it
    return (call - one) / (iterations - 1) if call > one else call / iterations


def shares(wanted: Sequence[float], seconds: float) -> list[float]:
    """Divides time into equal shares; what some do not want is divided equally among the others."""
    found = [0.0] * len(wanted)
    # smallest wish first, so that what it leaves is known before the others are served
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    left = max(0.0, seconds)
    for place, number in enumerate(order):
        found[number] = min(wanted[number], left / (len(order) - place))
        left -= found[number]
    return found


def time_for_first(voxels: Sequence[int], participants: int, seconds: float) -> float:
    """Returns the seconds of the first of several problems, in proportion to its size.

    Small problems get enough for a turn of each contestant if the time allows it.

    Parameters
    ----------
    voxels : sequence of int
        Voxels of this problem and of all that follow.
    participants : int
        Number of contestants that run.
    seconds : float
        Time left for all of them.
    """
    weights = [each + _START for each in voxels]
    return max(seconds * weights[0] / sum(weights), min(_SECONDS_EACH * participants, seconds / len(voxels)))


def turns_within(share: float, trial_times: TrialTimes, iterations: int, turns: int) -> int:
    """Returns how many turns of full calls, each with one warm call, fit in a share of the time; at most `turns`."""
    return min(turns, math.floor(share / max(1e-9, trial_times.turn(iterations, 1))))
