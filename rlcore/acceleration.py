"""Acceleration: a step starts not from the last estimate but from a point predicted from the last two.

    y = max(f + c (f - f_prev), r f)        then the Richardson-Lucy step, from y

The floor is a share r of the estimate itself, so that zeros stay zeros, voxels that are held stay what they are, and no
light leaks to where none may be: no mask is needed. A floor of nearly 0, as is usual, kills voxels that dim quickly:
steps are factors, which bring nothing back, and the fit stalls where noise is low.

A run carries the last two estimates and predicts when a step begins, every voxel from itself alone. The factor c is a
number of the whole volume: heavy ball knows it beforehand, Biggs' is told by the last steps (`rlcore.pace`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast, get_args

import numpy as np

from rlcore.backend import A, Backend, Shape, SupportsPrediction, SupportsResidence, real_dtype
from rlcore.errors import InputError

Acceleration = Literal["heavy-ball", "biggs", "none"]
ACCELERATIONS: tuple[str, ...] = get_args(Acceleration)

TELLING: frozenset[Acceleration] = frozenset({"biggs"})
"""Those whose factors are told by the steps before, so that blocks have to meet after every iteration."""

LEAST_SHARE = 0.75
"""Least share of a voxel that a prediction leaves of it (the r above). With 0.7 to 0.8 every phantom of
docs/measure_acceleration.py is fitted in as few iterations; with 0.5 the fit of some stalls, with 0.9 all take more."""

LEAST_DIVISOR = 1e-30
"""For divisions whose divisor is 0 only where the dividend is."""

Predict = Callable[..., Any]
"""As `SupportsPrediction.predict`."""


def check_acceleration(name: str) -> Acceleration:
    """The name, if it is one; InputError naming the choices otherwise."""
    if name not in ACCELERATIONS:
        raise InputError(f"acceleration {name!r} is unknown; choose from {', '.join(map(repr, ACCELERATIONS))}")
    return cast("Acceleration", name)


def prediction_of(backend: Backend[Any], shape: Shape) -> Predict:
    """The backend's own prediction, or the same out of its basic operations."""
    if isinstance(backend, SupportsPrediction):
        return backend.predict
    return ComposedPrediction(backend, shape).predict


class ComposedPrediction:
    """``f * max(1 + c - c f_prev / f, r)`` out of basic operations, which know no product with a number.

    It holds one array of the block's shape, filled with -1: dividing by it with the floor 1/c multiplies by c.
    """

    def __init__(self, backend: Backend[A], shape: Shape) -> None:
        self._backend: Backend[Any] = backend
        if isinstance(backend, SupportsResidence):
            self._minus: Any = backend.full(shape, -1.0)
        else:
            self._minus = backend.upload(np.full(shape, -1.0, real_dtype(backend)))

    def predict(self, estimate: Any, previous: Any, factor: float, *, least: float, out: Any = None) -> Any:
        backend = self._backend
        share = backend.divide(previous, estimate, floor=LEAST_DIVISOR, out=out)
        share = backend.divide(share, self._minus, floor=1 / max(factor, LEAST_DIVISOR), out=share)
        share = backend.multiply(share, self._minus, out=share)
        share = backend.clamp(backend.add(share, 1 + factor, out=share), least, out=share)
        return backend.multiply(estimate, share, out=share)
