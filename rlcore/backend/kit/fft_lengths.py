"""Transform lengths that FFT libraries do well: products of small primes."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def smooth_length(least: int, primes: tuple[int, ...] = (2, 3, 5, 7), multiple: int = 1) -> int:
    """The smallest multiple of `multiple`, at least `least`, whose other factors are all in `primes`."""
    length = -(-max(least, 1) // multiple) * multiple
    while not _is_smooth(length // multiple, primes):
        length += multiple
    return length


def _is_smooth(number: int, primes: tuple[int, ...]) -> bool:
    for prime in primes:
        while number % prime == 0:
            number //= prime
    return number == 1
