"""The scale of a run: a power of two that brings an image to where single precision has room on both sides.

Squares of slopes, sums of transforms and the smallest divisors of formulae overflow, or vanish, long before values do.
Most images need no scale, and then nothing is multiplied. A power of two changes no bit of a value that is neither
too large nor too small for its type.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from rlcore.backend import Volume
from rlcore.errors import InputError

LEAST, MOST = 2.0**-20, 2.0**40
"""Maxima of images that need no scale: a square of a millionth of the least, and of a million times the most, can be
held in single precision."""

_SCALED = 10
"""Exponent of the maximum of a scaled image, in the middle between both."""

_EXACT = 13
"""Bits that the largest value of a result must have at least, for an error below 1e-4 of it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Multiplies the image by ``2**exponent``, and divides the result by it."""

    exponent: int

    def number(self, value: float) -> float:
        """A number in the image's units, in those of the run."""
        return math.ldexp(value, self.exponent)

    def apply(self, values: Any, dtype: np.dtype[Any], offset: float = 0.0) -> Volume:
        """Values of the image less the offset, in the units of the run; those far below 0 may become -infinity."""
        with np.errstate(over="ignore", under="ignore"):
            scaled: Volume = np.ldexp(np.asarray(values, np.float64) - offset, self.exponent).astype(dtype)
        return scaled

    def undo(self, values: Volume, dtype: np.dtype[Any]) -> Volume:
        """Finite values of the result, in the image's units.

        Raises
        ------
        InputError
            If the type cannot hold them.
        """
        with np.errstate(over="ignore", under="ignore"):
            unscaled: Volume = np.ldexp(values.astype(np.float64), -self.exponent).astype(dtype)
        if unscaled.size and not np.isfinite(unscaled.max()):
            raise self._too_large(dtype)
        return unscaled

    def apply_native(self, image: Any, offset: float = 0.0) -> Any:
        """The scaled copy of an array of another library, less the offset."""
        xp = array_api_compat.array_namespace(image)
        try:
            return xp.astype(_times_power(xp.astype(image, xp.float64) - offset, self.exponent), xp.float32)
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(
                f"image has values beyond what float32 computes with, and {xp.__name__} has no float64 here to scale "
                "them; scale it to a maximum near 1000"
            ) from error

    def undo_native(self, result: Any) -> Any:
        """The result in the image's units, as an array of its library."""
        unscaled = _times_power(result, -self.exponent)
        xp = array_api_compat.array_namespace(unscaled)
        if not bool(xp.all(xp.isfinite(unscaled))):
            raise self._too_large(np.dtype(np.float32))
        return unscaled

    def check(self, maximum: float, dtype: np.dtype[Any]) -> None:
        """Refuse an image of this maximum whose result the type cannot hold.

        Raises
        ------
        InputError
            If the values are too large, or so small that they lose their digits.
        """
        limits = np.finfo(dtype)
        if maximum > float(limits.max):
            raise self._too_large(dtype)
        if maximum < math.ldexp(float(limits.smallest_subnormal), _EXACT):
            remedy = "multiply it" if dtype == np.float64 else "give out= of float64, or multiply it"
            raise InputError(
                f"image has a maximum of {maximum:g}, which a result of {dtype.name} cannot resolve; {remedy}"
            )

    def _too_large(self, dtype: np.dtype[Any]) -> InputError:
        remedy = "divide the image" if dtype == np.float64 else "give out= of float64, or divide the image"
        return InputError(f"image has values so large that its result exceeds {dtype.name}; {remedy}")


def scale_for(maximum: float, minimum: float) -> Scale | None:
    """The scale for an image with this range; None if it needs none."""
    if maximum > 0 and not LEAST <= maximum <= MOST:
        return Scale(_SCALED - math.frexp(maximum)[1])
    # nothing is multiplied, but values are brought to single precision where those below 0 may overflow
    return Scale(0) if minimum < float(np.finfo(np.float32).min) else None


def _times_power(values: Any, exponent: int) -> Any:
    """Values times a power of two, in two steps, since the power itself may be too large."""
    half = exponent // 2
    return values * 2.0**half * 2.0 ** (exponent - half)
