"""Lengths that FFTW transforms fast, by a cost function fitted to measurements."""

from __future__ import annotations

from functools import lru_cache

from rlcore.backend import Shape
from rlcore.backend.kit.fft_lengths import smooth_length

_PASSES = 5.0
"""Time per voxel that does not depend on the length: passes through memory."""
_PRIMES = {2: 0.1, 3: 0.29, 5: 0.26, 7: 0.55, 11: 3.0, 13: 3.2}
"""Time per voxel of a factor of the length, in the same unit."""
_FEW_TWOS = 0.2
"""Time per voxel of every factor of 2 short of four, which FFTW's vectorised codelets need: 224 is faster than 216."""


@lru_cache(maxsize=4096)
def stages(n: int) -> float:
    """Time per voxel of a transform of length `n`, in units of the cost function."""
    time, prime = _FEW_TWOS * max(0, 4 - (n & -n).bit_length() + 1), 2
    # Factors beyond 13 have no codelet of their own in FFTW; their time is in proportion to them.
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
    """Length, `least` or a little more, whose volumes take the least time; that of a fast length is the same length."""
    step = 2 if even else 1
    candidates = [smooth_length(least, multiple=step)]
    while candidates[-1] < 1.1 * least:
        candidates.append(smooth_length(candidates[-1] + 1, multiple=step))
    # In a volume, whose other axes are as long: a longer axis means more voxels for them too.
    best = min(candidates, key=lambda n: n * time_per_voxel((n, n, n)))
    return best if best == least else fast_length(best, even=even)
