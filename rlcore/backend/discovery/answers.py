"""What a backend's methods answer, as far as the host looks at it: anything else is refused with the method's name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method returns."""

    noun: str
    """Noun for messages."""
    fits: Callable[[Any], bool]


def _numbers(*names: str) -> Callable[[Any], bool]:
    """Fits anything that has numbers by these names, so that a backend may have classes of its own for them."""
    return lambda answer: all(isinstance(getattr(answer, name, None), Real) for name in names)


def _is_shape(answer: Any) -> bool:
    return isinstance(answer, Sequence) and all(isinstance(n, Integral) and int(n) > 0 for n in answer)


def _is_time(answer: Any) -> bool:
    return isinstance(answer, Real) and 0 <= float(answer) < math.inf


ANSWERS: Mapping[str, Answer] = {
    "free_bytes": Answer("a number of bytes", lambda answer: isinstance(answer, Real) and math.isfinite(answer)),
    "footprint": Answer("a Footprint", _numbers("real", "spectrum", "scratch")),
    "fast_shape": Answer("a shape", _is_shape),
    "cost": Answer("a time", _is_time),
    "live_arrays": Answer("LiveArrays", lambda answer: callable(getattr(answer, "bytes", None))),
    "download": Answer("an array of NumPy", lambda answer: isinstance(answer, np.ndarray)),
    "summary": Answer("a Summary", _numbers("minimum", "maximum", "total")),
    "fit": Answer("a Fit", _numbers("divergence", "light", "counts")),
    "inner_products": Answer("InnerProducts", _numbers("product", "square")),
}
"""By method. Arrays on the device are not looked at, since they are opaque."""
