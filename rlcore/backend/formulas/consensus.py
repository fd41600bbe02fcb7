"""Binomial split of counts, and the agreement of two corrections."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend.boxes import Shape
from rlcore.backend.facts import Volume
from rlcore.backend.formulas import EPSILON

SLOPE = 5.0
"""Slope at which a correction sets in where that of one half is 0, in c_1 c_2 over the square of their mean."""


BITS = 64
"""Random bits in a word, each a coin for one photon."""


_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


_MASK = (1 << 64) - 1


def halve(image: Volume, key: int, start: Shape, shape: Shape, *, second: bool, out: Volume | None = None) -> Volume:
    """Twice one half of a binomial split of a block's counts, plane by plane; see `rlcore.backend.Backend.halve`."""
    out = np.empty_like(image) if out is None else out
    for plane in range(len(image)):
        halve_plane(image[plane], out[plane], plane, key, start, shape, second=second)
    return out


def halve_plane(counts: Volume, out: Volume, plane: int, key: int, start: Shape, shape: Shape, *, second: bool) -> None:
    """Write twice one half of the counts of a plane; the block begins at `start` of an image of this shape."""
    words = _words(counts.shape, plane, key, start, shape)
    whole = np.minimum(counts, BITS).astype(np.uint64)  # a shift by a whole word is not defined
    few = (np.uint64(1) << np.minimum(whole, np.uint64(BITS - 1))) - np.uint64(1)
    few[whole == BITS] = np.uint64(_MASK)
    heads = np.bitwise_count(words & few).astype(counts.dtype)
    coin = (words >> np.minimum(whole, np.uint64(BITS - 1)) & np.uint64(1)).astype(counts.dtype)
    excess = 2 * heads - whole.astype(counts.dtype)
    excess += (counts - np.floor(counts)) * (2 * coin - 1)
    many = counts > BITS
    np.multiply(np.sqrt(counts), (heads - BITS // 2) / counts.dtype.type(4), out=excess, where=many)
    np.subtract(counts, excess, out=out) if second else np.add(counts, excess, out=out)


def _words(plane_shape: Shape, plane: int, key: int, start: Shape, shape: Shape) -> npt.NDArray[np.uint64]:
    """64 random bits for every voxel of a plane, a hash of its position in the image."""
    with np.errstate(over="ignore"):
        place: npt.NDArray[np.uint64] = np.array((plane + start[0]) % shape[0], np.uint64)
        for axis, n in enumerate(plane_shape, start=1):
            along = ((np.arange(n) + start[axis]) % shape[axis]).astype(np.uint64)
            place = place[..., None] * np.uint64(shape[axis]) + along
        words: npt.NDArray[np.uint64] = place * np.uint64(_GOLDEN) + np.uint64(key)
        words = (words ^ (words >> np.uint64(30))) * np.uint64(_FIRST)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(_SECOND)
        return words ^ (words >> np.uint64(31))


def agree(xp: Any, first: Any, second: Any) -> Any:
    """Consensus of two corrections, for arrays of an array-API library; see `rlcore.backend.Backend.agree`."""
    mean = 0.5 * (first + second)
    share = SLOPE * first * second / xp.clip(mean * mean, EPSILON, math.inf)
    return mean * xp.clip(share, 0.0, 1.0)


def mixed(number: int) -> int:
    """A hash of 64 bits of a whole number (the finalizer of Steele, Lea & Flood 2014)."""
    number = (number + _GOLDEN) & _MASK
    number = ((number ^ (number >> 30)) * _FIRST) & _MASK
    number = ((number ^ (number >> 27)) * _SECOND) & _MASK
    return number ^ (number >> 31)
