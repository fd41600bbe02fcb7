"""Stopping rules, which decide from one number per iteration when a run has gone far enough.

Held-out photons (data thinning): a few of the photons are left out of the fit, and the model is asked how well it
explains them. As long as it learns of the object it explains them better; once it learns of the noise, worse.

Relative change: the fit hardly improves any more.

A rule is a pure function of the numbers so far, so that it says the same whatever the plan and however a run is
interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, cast, get_args

from rlcore.algorithm.ranges import in_range
from rlcore.errors import InputError

Iterations: TypeAlias = int | Literal["auto"]

Stop = Literal["none", "relative-change"]
STOPS: tuple[str, ...] = get_args(Stop)

MAXIMUM_ITERATIONS = 200
"""Largest number of iterations that ``iterations="auto"`` may find."""

DEFAULT_ITERATIONS = 15
"""Iterations where no photons can be held out to find a better number."""

HELD_OUT = 0.3
"""Share of the photons that are left out of the fit."""

PATIENCE = 4
"""Iterations without improvement after which the best one counts as found."""

TOLERANCE = 3e-4
"""Relative difference of the held-out divergence that counts as none. At much light its minimum is flat: it is one of
the blurred object, and what iterations still change there is finer than the PSF and so mostly noise."""

THRESHOLD = 1e-2
"""Relative change of the divergence below which a run with ``stop="relative-change"`` ends, unless another is given."""

Rule = Callable[[Sequence[float]], int | None]
"""Takes the numbers after 0, 1, 2 ... iterations and returns the iteration to stop at; None to go on."""


def check_stop(name: str) -> Stop:
    """The name, if it is a known rule.

    Raises
    ------
    InputError
        If it is unknown; the message lists the choices.
    """
    if name not in STOPS:
        raise InputError(f"stop {name!r} is unknown; choose from {', '.join(map(repr, STOPS))}")
    return cast("Stop", name)


def check_threshold(threshold: float | None, stop: Stop) -> float:
    """The threshold, or the default.

    Raises
    ------
    InputError
        If there is no stop that it goes with, or if it does not lie between 0 and 1.
    """
    if threshold is None:
        return THRESHOLD
    if stop == "none":
        raise InputError(f"threshold {threshold!r} is of no use without a stop; give stop='relative-change' with it")
    if not (in_range(threshold, 0, 1) and 0 < threshold < 1):
        raise InputError(f"threshold {threshold!r} is not a number between 0 and 1")
    return float(threshold)


def lowest(held_out: Sequence[float]) -> int | None:
    """The iteration whose point explained the held-out photons best, once `PATIENCE` more have not done better.

    Of those that did so equally well, to within `TOLERANCE`, it is the first one.
    """
    return best_of(held_out) if len(held_out) - 1 - _least(held_out) >= PATIENCE else None


def best_of(held_out: Sequence[float]) -> int:
    """The first iteration whose point explained the held-out photons as well as any so far; at least 1."""
    limit = held_out[_least(held_out)] * (1 + TOLERANCE) if held_out else 0.0
    return max(1, next((k for k, each in enumerate(held_out) if each <= limit), 1))


def _least(held_out: Sequence[float]) -> int:
    return max(1, min(range(len(held_out)), key=held_out.__getitem__, default=1)) if len(held_out) > 1 else 0


def settled(threshold: float) -> Rule:
    """The rule that stops as soon as the divergence changes by no more than this share in an iteration."""

    def rule(divergence: Sequence[float]) -> int | None:
        for k in range(1, len(divergence)):
            if math.fabs(divergence[k - 1] - divergence[k]) <= threshold * divergence[k - 1]:
                return k + 1
        return None

    return rule
