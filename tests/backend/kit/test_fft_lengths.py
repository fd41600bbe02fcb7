"""Smooth lengths: the smallest by trying, also where the next one is far."""

import time

import pytest

from rlcore.backend.kit.fft_lengths import smooth_length


def is_smooth(number, primes):
    for prime in primes:
        while number % prime == 0:
            number //= prime
    return number == 1


@pytest.mark.parametrize("primes", [(2, 3, 5, 7), (2, 3), (2, 3, 5, 7, 11, 13)])
@pytest.mark.parametrize("multiple", [1, 2, 4])
def test_the_smallest_that_trying_finds(primes, multiple):
    for least in [*range(300), *range(5000, 5100), 99000, 262145]:
        length = -(-max(least, 1) // multiple) * multiple
        while not is_smooth(length // multiple, primes):
            length += multiple
        assert smooth_length(least, primes, multiple) == length


def test_very_long_axes_end():
    start = time.perf_counter()
    length = smooth_length(10**15 + 1, multiple=2)
    assert length > 10**15
    assert is_smooth(length // 2, (2, 3, 5, 7))
    assert time.perf_counter() - start < 60
