"""Transform lengths that FFTW does well, by measurement."""

from __future__ import annotations

from functools import lru_cache

from rlcore.backend import Shape
from rlcore.lengths import smooth_length

_PASSES = 2.0
_PRIMES = {2: 0.25, 3: 0.45, 5: 0.75, 7: 1.0, 11: 3.0, 13: 3.2}


@lru_cache(maxsize=4096)
def stages(n: int) -> float:
    """Time per voxel of a transform of length `n`, in units of the cost function."""
    time, prime = 0.0, 2
    while n > 1:
        while n % prime == 0:
            time += _PRIMES.get(prime, 0.6 * prime)
            n //= prime
        prime += 1
    return time


def time_per_voxel(shape: Shape) -> float:
    """Relative time of one transform, per voxel."""
    return _PASSES + sum(stages(n) for n in shape)


@lru_cache(maxsize=4096)
def fast_length(least: int, *, even: bool = False) -> int:
    """The length, not much above `least`, whose volumes take the least time; its own fast length is itself."""
    step = 2 if even else 1
    candidates = [smooth_length(least, multiple=step)]
    while candidates[-1] < 1.1 * least:
        candidates.append(smooth_length(candidates[-1] + 1, multiple=step))
    best = min(candidates, key=lambda n: n * (_PASSES + 3 * stages(n)))
    return best if best == least else fast_length(best, even=even)
