"""Transform lengths that FFTW does well, by measurement."""

from __future__ import annotations

from functools import lru_cache

from rlcore.backend import Shape
from rlcore.backend.kit.fft_lengths import smooth_length

_PASSES = 5.0
_PRIMES = {2: 0.1, 3: 0.29, 5: 0.26, 7: 0.55, 11: 3.0, 13: 3.2}
_FEW_TWOS = 0.2
"""For every factor of 2 short of 4: FFTW's vectorised codelets want them. 224 takes less time than 216."""


@lru_cache(maxsize=4096)
def stages(n: int) -> float:
    """Time per voxel of a transform of length `n`, in units of the cost function."""
    time, prime = _FEW_TWOS * max(0, 4 - (n & -n).bit_length() + 1), 2
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
    best = min(candidates, key=lambda n: n * time_per_voxel((n, n, n)))
    return best if best == least else fast_length(best, even=even)
