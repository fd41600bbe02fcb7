"""Transform lengths that the kernels do well, and the relative time of a transform."""

from __future__ import annotations

import math
from functools import lru_cache

from rlcore.backend import Shape
from rlcore.backend.kit.gpu_fft.columns import tiling_for

_PRIMES = (2, 3, 5, 7, 11)
_UNKNOWN = 6.0
"""Time of an axis that is left to cuFFT because its length has a large prime factor, in passes over memory."""
_LONG = 1.6
"""The same for columns so long that few of them fit into shared memory."""
_LONGEST = 4096
"""Length beyond which hardly any fits into shared memory."""
_LAUNCH = 2e5
"""Voxels that could be transformed along an axis in the time that starting a kernel takes."""


def passes(n: int) -> float:
    """Time of one axis, in passes over memory."""
    if n == 1:
        return 0.1
    tiling = tiling_for(n)
    if tiling is None:
        return _UNKNOWN
    return 1.0 if tiling.width >= 8 else _LONG


def cost(shape: Shape) -> float:
    """Relative time of a transform: passes over memory, and the kernels that make them."""
    return (math.prod(shape) + _LAUNCH) * sum(passes(n) for n in shape)


@lru_cache(maxsize=4096)
def fast_length(minimum: int, *, even: bool = False) -> int:
    """The smallest length, at least `minimum`, of small prime factors: all such lengths take one pass over memory."""
    step = 2 if even else 1
    length = -(-max(minimum, 1) // step) * step
    while not (_is_smooth(length) and (length == 1 or length > _LONGEST or tiling_for(length))):
        length += step
    return length


def _is_smooth(n: int) -> bool:
    for prime in _PRIMES:
        while n % prime == 0:
            n //= prime
    return n == 1
