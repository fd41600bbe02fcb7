"""Elementwise steps, in which every thread goes through its planes in pieces that stay in its cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from rlcore.backend.boxes import Box
from rlcore.backend.formulas.consensus import SLOPE
from rlcore_pyfftw.layout import Floats, Padded, Spread, Temporaries
from rlcore_pyfftw.team import Team
from rlcore_pyfftw.transforms import Transforms

Real = Padded | Spread
Operation = Callable[..., object]
"""A function of temporaries, a piece of the result and one of each operand, which writes the piece of the result."""

_ZERO, _ONE, _TOP = np.float32(0), np.float32(1), np.float32(np.inf)
"""Bounds for `clip`, which is three times as fast as `maximum` with a number."""
_HALF, _TINY = np.float32(0.5), np.float32(1e-30)
"""Half; and the minimum divisor where both halves are dark, so that 0 / 0 becomes 0."""


class Elementwise:
    """Steps over all voxels of arrays of one shape."""

    def __init__(self, transforms: Transforms, team: Team) -> None:
        self._transforms, self._team = transforms, team

    def apply(self, operation: Operation, out: Padded, *operands: Real, inside: Box | None = None) -> Padded:
        """Write `operation` of the operands into `out`, or 0 outside the box.

        A pending operand is completed plane by plane, while each plane is in the cache. Planes outside the box are
        skipped: of an operand that is `out` as well, pending transforms are dropped there.
        """
        if out not in operands:
            out.state = "real"
        # One operand can be completed in the same pass; others before it. One that outlives this step (it is not `out`)
        # must be completed outside the box as well, which the pass skips.
        pending = [a for a in dict.fromkeys(operands) if isinstance(a, Padded) and a.state == "pending"]
        for array in pending if pending and pending[0] is not out and inside is not None else pending[1:]:
            self._transforms.settle(array)
        first = pending[0] if pending else out
        planes = first.layout.planes
        kept = range(out.shape[0]) if inside is None else range(inside.start[0], inside.stop[0])

        def work(numbers: Iterator[int]) -> None:
            temporaries = Temporaries()
            with self._transforms.settling(first) as settle:
                for start, stop in (planes[number] for number in numbers):
                    if stop <= kept.start or start >= kept.stop:
                        out.reals[start:stop] = 0
                        continue
                    settle(start, stop)
                    for piece in out.layout.pieces(start, stop):
                        parts = (array.piece(piece, temporaries) for array in (out, *operands))
                        operation(temporaries, *parts)
                    if inside is not None:
                        _clear_outside(out, start, stop, inside)

        self._team.run(work, len(planes))
        first.state = "real"
        return out


def _clear_outside(array: Padded, start: int, stop: int, inside: Box) -> None:
    """Set planes `start` to `stop` to 0 outside the box."""
    planes = array.reals[start:stop]
    planes[: max(0, inside.start[0] - start)] = 0
    planes[max(0, inside.stop[0] - start) :] = 0
    for axis in range(1, planes.ndim):
        line = np.moveaxis(planes, axis, 0)
        line[: inside.start[axis]] = 0
        line[inside.stop[axis] :] = 0


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


def quotient(floor: float) -> Operation:
    """``a / max(b, floor)``."""
    least = np.float32(floor)

    def divide(temporaries: Temporaries, out: Floats, a: Floats, b: Floats) -> None:
        np.divide(a, np.clip(b, least, _TOP, out=temporaries.take("divisor", out.shape)), out=out)

    return divide


def ratio_less_one(background: float, floor: float) -> Operation:
    """``image / max(blurred + background, floor) - 1``."""
    offset, least = np.float32(background), np.float32(floor)

    def ratio(temporaries: Temporaries, out: Floats, image: Floats, blurred: Floats) -> None:
        divisor = temporaries.take("divisor", out.shape)
        if background:
            blurred = np.add(blurred, offset, out=divisor)
        np.divide(image, np.clip(blurred, least, _TOP, out=divisor), out=out)
        np.subtract(out, _ONE, out=out)

    return ratio


def update(temporaries: Temporaries, out: Floats, estimate: Floats, correction: Floats) -> None:
    """``estimate * max(1 + correction, 0)``."""
    factor = np.add(correction, _ONE, out=temporaries.take("factor", out.shape))
    np.multiply(estimate, np.clip(factor, _ZERO, _TOP, out=factor), out=out)


def weighted_update(
    temporaries: Temporaries, out: Floats, estimate: Floats, correction: Floats, weight: Floats
) -> None:
    """``estimate * max(1 + weight * correction, 0)``."""
    factor = np.multiply(correction, weight, out=temporaries.take("factor", out.shape))
    np.add(factor, _ONE, out=factor)
    np.multiply(estimate, np.clip(factor, _ZERO, _TOP, out=factor), out=out)


def agreement(temporaries: Temporaries, out: Floats, first: Floats, second: Floats) -> None:
    """``m * clip(5 * first * second / m^2, 0, 1)`` with ``m`` the mean of the two."""
    mean = np.add(first, second, out=temporaries.take("mean", out.shape))
    np.multiply(mean, _HALF, out=mean)
    square = np.multiply(mean, mean, out=temporaries.take("square", out.shape))
    np.clip(square, _TINY, _TOP, out=square)
    np.multiply(first, second, out=out)
    np.multiply(out, np.float32(SLOPE), out=out)
    np.divide(out, square, out=out)
    np.multiply(np.clip(out, _ZERO, _ONE, out=out), mean, out=out)


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
