"""How threads share the rows of one length: which short transforms they do in turn, and how many rows a block has."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rlcore.backend.kit.gpu_fft.columns import factored

THREADS = 256
"""Of a block, at most, unless one row needs more."""
LANES = 16
"""Threads that share a row, at least, where it is long enough: they read side by side."""
SHARED_BYTES = 48 << 10


@dataclass(frozen=True, slots=True)
class RowTiling:
    """How a block of threads works on rows of one length."""

    length: int
    """Complex numbers that a row is transformed as: half its voxels."""
    radices: tuple[int, ...]
    lanes: int
    """Threads that share a row."""
    rows: int
    """Rows of a block."""

    @property
    def threads(self) -> int:
        return self.lanes * self.rows

    @property
    def values(self) -> int:
        """Complex values that a thread has at once, at most."""
        return max(math.ceil(self.length // radix / self.lanes) * radix for radix in self.radices)

    @property
    def gap(self) -> int:
        """A value is left free after every ``2**gap`` in shared memory, so that threads do not meet in its banks."""
        return _gap(self.radices[0], self.radices[-1])

    @property
    def pitch(self) -> int:
        """Room for a row in shared memory."""
        return self.length + (self.length >> self.gap) + 1

    @property
    def shared_bytes(self) -> int:
        return 8 * self.pitch * self.rows


@lru_cache(maxsize=4096)
def row_tiling_for(n: int) -> RowTiling | None:
    """The tiling for rows of n voxels; None if n is odd, has a large prime factor or is too long."""
    if n % 2 or n < 4:
        return None
    length = n // 2
    for stages, values in itertools.product((1, 2, 3, 4), (16, 24)):
        ways = [way for radices in factored(length, stages) for way in _teams(length, radices, values)]
        if ways:
            return min(ways, key=lambda way: (way.lanes < LANES, _work(way), -max(way.radices), way.radices))
    return None


@lru_cache(maxsize=4096)
def quick_tiling_for(n: int) -> RowTiling | None:
    """The same for a few rows only, whose threads have the device to themselves: each does as little as can be."""
    tiling = row_tiling_for(n)
    if tiling is None:
        return None
    ways = [way for stages in (2, 3) for radices in factored(n // 2, stages) for way in _teams(n // 2, radices, 16)]
    return min((*ways, tiling), key=lambda way: (way.values, len(way.radices), way.lanes, way.radices))


def _teams(length: int, radices: tuple[int, ...], most: int) -> Iterator[RowTiling]:
    """Numbers of threads that keep to so many values each. Large radices take registers, so fewer threads fit."""
    threads = THREADS if max(radices) < 16 else THREADS * 9 // 16
    for radix, share in itertools.product(radices, (1, 2, 3, 4)):
        lanes = math.ceil(length // radix / share)
        tiling = RowTiling(length, radices, lanes, max(1, round(threads / lanes)))
        if tiling.values <= most and tiling.threads <= 512 and tiling.shared_bytes <= SHARED_BYTES:
            yield tiling


def _work(tiling: RowTiling) -> float:
    """What the threads do for a value, idle ones too, and a round through shared memory for each stage."""
    rounds = [math.ceil(tiling.length // radix / tiling.lanes) * tiling.lanes * radix for radix in tiling.radices]
    return sum(rounds) / tiling.length + len(rounds)


@lru_cache(maxsize=256)
def _gap(*radices: int) -> int:
    """The gap with which neighbouring threads, whose values are a radix apart, meet least in 16 banks of 8 bytes."""

    def meetings(gap: int) -> int:
        banks = [[(j * radix + (j * radix >> gap)) % 16 for j in range(16)] for radix in radices]
        return sum(max(map(row.count, row)) for row in banks)

    return min((31, 4, 3, 2), key=meetings)
