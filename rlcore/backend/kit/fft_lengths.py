"""Transform lengths that FFT libraries do well: products of small primes."""

from functools import lru_cache

_TRIES = 100
"""Numbers that are tried one after the other, which is faster where a smooth one is near."""


@lru_cache(maxsize=4096)
def smooth_length(least: int, primes: tuple[int, ...] = (2, 3, 5, 7), multiple: int = 1) -> int:
    """The smallest multiple of `multiple`, at least `least`, whose other factors are all in `primes`."""
    least = -(-max(least, 1) // multiple)
    # lengths of images: one of the next is smooth; of the numbers near a very long axis one in millions is, and trying
    # one after the other does not end
    near = (number for number in range(least, least + _TRIES) if _is_smooth(number, primes))
    return multiple * (next(near, 0) or _smallest(least, primes))


def _is_smooth(number: int, primes: tuple[int, ...]) -> bool:
    for prime in primes:
        while number % prime == 0:
            number //= prime
    return number == 1


def _smallest(least: int, primes: tuple[int, ...]) -> int:
    """The smallest product of powers of `primes` that is at least `least`, by enumerating powers."""
    first, *others = primes
    if not others:
        power = 1
        while power < least:
            power *= first
        return power
    # every power of the first prime up to the least one that does alone, completed by the other primes
    best, power = 0, 1
    while True:
        length = power * _smallest(-(-least // power), tuple(others))
        best = min(best or length, length)
        if power >= least:
            return best
        power *= first
