"""The settings of a call: the caller's choices, checked."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from rlcore.algorithm.acceleration import ADAPTIVE, Acceleration, check_acceleration
from rlcore.algorithm.boundary import Boundary, check_boundary
from rlcore.algorithm.ranges import in_range
from rlcore.algorithm.regularization import NO_PRIOR, Prior
from rlcore.algorithm.stopping import MAXIMUM_ITERATIONS, Iterations, Stop, check_stop, check_threshold
from rlcore.errors import InputError
from rlcore.planner import Plan

_MOST_ITERATIONS = 100_000
"""A run's sweeps are listed before it begins, so that their number has to fit in memory."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a caller may choose about a run, apart from its arrays, backend and files."""

    iterations: Iterations
    boundary: Boundary
    memory: int | float | str | None = None
    exchange: bool = True
    tolerance: float | None = None
    acceleration: Acceleration = "none"
    prior: Prior = NO_PRIOR
    stop: Stop = "none"
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names, numbers out of range, and choices that do not go together."""
        check_iterations(self.iterations)
        check_boundary(self.boundary)
        check_acceleration(self.acceleration)
        check_stop(self.stop)
        self._check_blocks()
        check_threshold(self.threshold, self.stop)

    def _check_blocks(self) -> None:
        if self.exchange:
            if self.tolerance is not None:
                raise InputError("tolerance is for independent blocks only; give exchange=False with it")
            return
        if self.tolerance is not None and not in_range(self.tolerance, 0, 1):
            raise InputError(f"tolerance {self.tolerance!r} is not a number between 0 and 1; 0.001 is the default")
        if self.acceleration in ADAPTIVE:
            raise InputError(
                f"acceleration {self.acceleration!r} needs sums over all blocks after every iteration, which "
                "independent blocks have not; leave exchange on, or give acceleration='heavy-ball'"
            )
        if self.stop != "none":
            raise InputError("independent blocks cannot agree on when to stop; leave exchange on, or stop out")

    @property
    def auto(self) -> bool:
        """True if the number of iterations is to be found before the run."""
        return self.iterations == "auto" and self.stop == "none"

    @property
    def maximum_iterations(self) -> int:
        """The number of iterations, or the largest one that "auto" may find, or that a stopping rule may allow."""
        return MAXIMUM_ITERATIONS if self.iterations == "auto" else self.iterations

    @property
    def error(self) -> float | None:
        """Error that independent blocks may make; None if blocks are to be exact."""
        if self.exchange:
            return None
        return 1e-3 if self.tolerance is None else self.tolerance

    def check_exchanges(self, plan: Plan) -> None:
        """Refuse a plan whose blocks exchange halos too seldom for these settings."""
        if plan.half_steps <= 2 or plan.is_whole:
            return
        if plan.acceleration in ADAPTIVE:
            why = f"is too long for acceleration {plan.acceleration!r}, whose momentum is made of sums over all blocks"
        elif self.stop != "none":
            why = f"cannot stop after any iteration, as stop {self.stop!r} wants"
        else:
            return
        raise InputError(
            f"plan of {plan.half_steps} half-steps between exchanges {why}; make one with half_steps 1 or 2"
        )


def check_iterations(iterations: Iterations) -> Iterations:
    """The number of iterations if it is at least 1, or "auto".

    Raises
    ------
    InputError
        If it is anything else.
    """
    if isinstance(iterations, str) and iterations == "auto":
        return "auto"
    try:
        number = operator.index(iterations)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"iterations {iterations!r} is neither a whole number of at least 1 nor 'auto'")
    if number > _MOST_ITERATIONS:
        raise InputError(f"iterations {iterations!r} is more than {_MOST_ITERATIONS}; a hundred are many")
    return number
