"""Elementwise steps: every thread goes through its planes in pieces that stay in its cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from rlcore_pyfftw.layout import Floats, Padded, Spread, Temporaries
from rlcore_pyfftw.team import Team
from rlcore_pyfftw.transforms import Transforms, is_zero

Real = Padded | Spread
Operation = Callable[..., object]
"""Takes room for temporaries, a piece of the result and of each operand, and writes that of the result."""

_ZERO, _TOP = np.float32(0), np.float32(np.inf)
"""Bounds for `clip`, which is three times as fast as `maximum` with a number."""


class Elementwise:
    """Steps over all voxels of arrays of one shape."""

    def __init__(self, transforms: Transforms, team: Team) -> None:
        self._transforms, self._team = transforms, team

    def apply(self, operation: Operation, out: Padded, *operands: Real, zero_with: Real | None = None) -> Padded:
        """Write `operation` of the operands into `out`.

        An operand that is pending is settled on the way, plane by plane. Planes where `zero_with` is 0 throughout
        have 0 as their result, so that what is pending in `out` is dropped there.
        """
        if out not in operands:
            out.state = "real"
        pending = [a for a in dict.fromkeys(operands) if isinstance(a, Padded) and a.state == "pending"]
        for array in pending[1:]:
            self._transforms.settle(array)
        first = pending[0] if pending else out
        zero = zero_with if isinstance(zero_with, Padded) and first is out else None
        planes = out.layout.planes

        def lane(numbers: Iterator[int]) -> None:
            temporaries = Temporaries()
            with self._transforms.settling(first) as settle:
                for start, stop in (planes[number] for number in numbers):
                    if zero is not None and is_zero(zero, start, stop):
                        out.reals[start:stop] = 0
                        continue
                    settle(start, stop)
                    for piece in out.layout.pieces(start, stop):
                        parts = (array.piece(piece, temporaries) for array in (out, *operands))
                        operation(temporaries, *parts)

        self._team.run(lane, len(planes))
        first.state = "real"
        return out


def written(temporaries: Temporaries, out: Floats, a: Floats) -> None:
    """``a``."""
    np.copyto(out, a)


def product(temporaries: Temporaries, out: Floats, a: Floats, b: Floats) -> None:
    """``a * b``."""
    np.multiply(a, b, out=out)


def total(temporaries: Temporaries, out: Floats, a: Floats, b: Floats) -> None:
    """``a + b``."""
    np.add(a, b, out=out)


def plus(number: float) -> Operation:
    """``a + number``."""
    return lambda _, out, a: np.add(a, np.float32(number), out=out)


def at_least(floor: float) -> Operation:
    """``max(a, floor)``."""
    return lambda _, out, a: np.clip(a, np.float32(floor), _TOP, out=out)


def ratio_with(background: float, floor: float) -> Operation:
    """``image / max(blurred + background, floor)``."""
    offset, least = np.float32(background), np.float32(floor)

    def ratio(temporaries: Temporaries, out: Floats, image: Floats, blurred: Floats) -> None:
        divisor = temporaries.take("divisor", out.shape)
        if background:
            blurred = np.add(blurred, offset, out=divisor)
        np.divide(image, np.clip(blurred, least, _TOP, out=divisor), out=out)

    return ratio


def update(temporaries: Temporaries, out: Floats, estimate: Floats, correction: Floats) -> None:
    """``estimate * max(correction, 0)``."""
    factor = temporaries.take("factor", out.shape)
    np.multiply(estimate, np.clip(correction, _ZERO, _TOP, out=factor), out=out)


def weighted_update(
    temporaries: Temporaries, out: Floats, estimate: Floats, correction: Floats, weight: Floats
) -> None:
    """``estimate * max(correction, 0) * weight``; where the weight is negative the estimate is held."""
    factor = temporaries.take("factor", out.shape)
    np.multiply(np.clip(correction, _ZERO, _TOP, out=factor), weight, out=factor)
    if weight.min() < 0:
        np.copyto(factor, np.float32(1), where=weight < 0)
    np.multiply(estimate, factor, out=out)


def point_with(factor: float, least: float) -> Operation:
    """``max(estimate + factor * (estimate - previous), least * estimate)``."""
    c, share = np.float32(factor), np.float32(least)

    def point(temporaries: Temporaries, out: Floats, estimate: Floats, previous: Floats) -> None:
        floor = np.multiply(estimate, share, out=temporaries.take("floor", out.shape))
        np.subtract(estimate, previous, out=out)
        np.multiply(out, c, out=out)
        np.add(out, estimate, out=out)
        np.maximum(out, floor, out=out)

    return point
