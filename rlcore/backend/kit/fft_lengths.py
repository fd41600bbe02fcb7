"""Transform lengths that FFT libraries do well: products of small primes."""

from functools import lru_cache

_DENSE = 1 << 12
"""Up to here such products are so dense that trying number after number is quickest; for axes of millions of voxels it
hardly ends."""


@lru_cache(maxsize=4096)
def smooth_length(least: int, primes: tuple[int, ...] = (2, 3, 5, 7), multiple: int = 1) -> int:
    """The smallest multiple of `multiple`, at least `least`, whose other factors are all in `primes`."""
    factor = -(-max(least, 1) // multiple)
    if factor > _DENSE:
        return multiple * _smallest_product(factor, primes)
    while not _is_smooth(factor, primes):
        factor += 1
    return multiple * factor


def _is_smooth(number: int, primes: tuple[int, ...]) -> bool:
    for prime in primes:
        while number % prime == 0:
            number //= prime
    return number == 1


def _smallest_product(least: int, primes: tuple[int, ...]) -> int:
    """The smallest product of these primes that is at least `least`: each power of the first one, completed."""
    prime, others = primes[0], primes[1:]
    power, found = 1, []
    while power < least:
        if others:
            found.append(power * _smallest_product(-(-least // power), others))
        power *= prime
    return min((power, *found))
