"""Acceleration: a step starts not from the last estimate but from a point extrapolated from the last two.

    y = max(f + c (f - f_prev), r f)        then the Richardson-Lucy step, from y

The lower bound is a share r of the estimate itself, so that zeros stay zeros, voxels that are held keep their values,
and no light leaks to where none may be: no mask is needed. The usual bound of nearly 0 kills voxels that dim quickly:
steps are factors, which cannot bring a zero back, and the fit stalls at low noise.

A run carries the last two estimates and extrapolates when a step begins, every voxel from itself alone. The momentum c
is a single number for the whole volume (`rlcore.algorithm.momentum`).
"""

from __future__ import annotations

from typing import Literal, cast, get_args

from rlcore.errors import InputError

Acceleration = Literal["heavy-ball", "biggs", "none"]
ACCELERATIONS: tuple[str, ...] = get_args(Acceleration)

ADAPTIVE: frozenset[Acceleration] = frozenset({"biggs"})
"""Accelerations whose momentum depends on earlier steps; blocks must exchange sums after every iteration."""

MINIMUM_SHARE = 0.75
"""Smallest share of a voxel that extrapolation leaves of it (the r above). With 0.7 to 0.8 every phantom of
docs/measure_acceleration.py is fitted in as few iterations; with 0.5 the fit of some stalls, with 0.9 all take more."""


def check_acceleration(name: str) -> Acceleration:
    """The name, if it is a known acceleration.

    Raises
    ------
    InputError
        If it is unknown; the message lists the choices.
    """
    if name not in ACCELERATIONS:
        raise InputError(f"acceleration {name!r} is unknown; choose from {', '.join(map(repr, ACCELERATIONS))}")
    return cast("Acceleration", name)
