"""Elementwise steps: every thread goes through its planes in pieces that stay in its cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from rlcore_pyfftw.layout import Floats, Padded, Spread
from rlcore_pyfftw.team import Team
from rlcore_pyfftw.transforms import Transforms, is_zero

Real = Padded | Spread
Operation = Callable[..., object]
"""Takes a piece of the result and of each operand, and writes the first."""


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
            with self._transforms.settling(first) as settle:
                for start, stop in (planes[number] for number in numbers):
                    if zero is not None and is_zero(zero, start, stop):
                        out.reals[start:stop] = 0
                        continue
                    settle(start, stop)
                    for index in out.layout.pieces(start, stop):
                        operation(out.piece(index), *(array.piece(index) for array in operands))

        self._team.run(lane, len(planes))
        first.state = "real"
        return out


def product(out: Floats, a: Floats, b: Floats) -> None:
    """``a * b``."""
    np.multiply(a, b, out=out)


def total(out: Floats, a: Floats, b: Floats) -> None:
    """``a + b``."""
    np.add(a, b, out=out)


def plus(number: float) -> Operation:
    """``a + number``."""
    return lambda out, a: np.add(a, np.float32(number), out=out)


def at_least(floor: float) -> Operation:
    """``max(a, floor)``."""
    return lambda out, a: np.maximum(a, np.float32(floor), out=out)


def ratio_with(background: float, floor: float) -> Operation:
    """``image / max(blurred + background, floor)``."""
    offset, least = np.float32(background), np.float32(floor)

    def ratio(out: Floats, image: Floats, blurred: Floats) -> None:
        divisor = np.add(blurred, offset) if background else blurred
        np.divide(image, np.maximum(divisor, least), out=out)

    return ratio


def update(out: Floats, estimate: Floats, correction: Floats) -> None:
    """``estimate * max(correction, 0)``."""
    np.multiply(estimate, np.maximum(correction, np.float32(0)), out=out)


def weighted_update(out: Floats, estimate: Floats, correction: Floats, weight: Floats) -> None:
    """``estimate * max(correction, 0) * weight``; where the weight is negative the estimate is held."""
    factor = np.maximum(correction, np.float32(0))
    np.multiply(factor, weight, out=factor)
    if weight.min() < 0:
        np.copyto(factor, np.float32(1), where=weight < 0)
    np.multiply(estimate, factor, out=out)
