"""Gradient consensus: a voxel moves only where two halves of the counts agree which way (RLGC, Manton & York).

In every iteration the counts are split by coins, g = g_1 + g_2, and each half is asked what it would correct:

    c_i = H^T ( 2 g_i / (H f + b) - 1 )        u = 1 + w (c_1 + c_2) / 2

The mean of the two is the correction of all counts, so what is fitted is the image itself, once. Where c_1 and c_2 are
of different signs the voxel is held. So that the result does not hang on rounding, a correction fades where one half
hardly has a say: it is taken whole unless one half's is less than an eighteenth of the other's.

Coins are bits of a hash of the voxel's place in the image, the iteration and the seed (Steele, Lea & Flood 2014's
mixing), so the split depends neither on the plan nor on the backend. Of more counts than there are bits in a word, and
of fractions of a count, the split has the mean and the variance of a binomial one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Shape, SupportsAgreement, SupportsHalving, Volume

SLOPE = 5.0
"""How steeply corrections come in from where one half's is 0, in c_1 c_2 over the square of their mean."""

BITS = 64
"""Coins in a word."""

_LEAST = 1e-30
"""For a division whose divisor is 0 only where the dividend is."""

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1

Halve = Callable[..., Any]
"""As `SupportsHalving.halve`."""
Agree = Callable[..., Any]
"""As `SupportsAgreement.agree`."""


def key_of(seed: int, iteration: int) -> int:
    """64 bits for one iteration of a run."""
    return _mixed(_mixed(seed & _MASK) + iteration)


def _mixed(number: int) -> int:
    number = (number + _GOLDEN) & _MASK
    number = ((number ^ (number >> 30)) * _FIRST) & _MASK
    number = ((number ^ (number >> 27)) * _SECOND) & _MASK
    return number ^ (number >> 31)


def halving_of(backend: Backend[Any]) -> Halve:
    """The backend's own split; or, for one that has none, by NumPy on the host."""
    if isinstance(backend, SupportsHalving):
        return backend.halve

    def halve_there(image: Any, key: int, start: Shape, shape: Shape, *, other: bool) -> Any:
        return backend.upload(halve(backend.download(image), key, start, shape, other=other))

    return halve_there


def agreement_of(backend: Backend[Any]) -> Agree:
    """The backend's own consensus; or, for one that has none, by NumPy on the host."""
    if isinstance(backend, SupportsAgreement):
        return backend.agree

    def agree_there(first: Any, second: Any, *, out: Any = None) -> Any:
        return backend.upload(agree(np, backend.download(first), backend.download(second)))

    return agree_there


def halve(image: Volume, key: int, start: Shape, shape: Shape, *, other: bool, out: Volume | None = None) -> Volume:
    """As `SupportsHalving.halve`, of NumPy arrays; plane by plane."""
    out = np.empty_like(image) if out is None else out
    for plane in range(len(image)):
        halve_plane(image[plane], out[plane], plane, key, start, shape, other=other)
    return out


def halve_plane(counts: Volume, out: Volume, plane: int, key: int, start: Shape, shape: Shape, *, other: bool) -> None:
    """Twice one half of the counts of a plane of a block that begins at `start`, of an image of this shape."""
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
    np.subtract(counts, excess, out=out) if other else np.add(counts, excess, out=out)


def _words(plane_shape: Shape, plane: int, key: int, start: Shape, shape: Shape) -> npt.NDArray[np.uint64]:
    """64 bits for every voxel of a plane, by its place in the image."""
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
    """As `SupportsAgreement.agree`, of arrays of an array-API library."""
    mean = 0.5 * (first + second)
    share = SLOPE * first * second / xp.clip(mean * mean, _LEAST, math.inf)
    return mean * xp.clip(share, 0.0, 1.0)
