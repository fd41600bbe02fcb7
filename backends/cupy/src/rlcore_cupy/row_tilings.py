"""Tilings of rows: the short transforms that threads do in turn, and how many rows share a block of threads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rlcore.backend.kit.gpu_fft.columns import factored

THREADS = 256
"""Largest number of threads of a block, unless one row needs more."""
LANES = 16
"""Smallest number of threads that share a row, where it is long enough: they read side by side."""
SHARED_BYTES = 48 << 10
"""Largest shared memory of a block."""


@dataclass(frozen=True, slots=True)
class RowTiling:
    """The work of a block of threads on rows of one length."""

    length: int
    """Complex numbers of a row in its transform: half its voxels."""
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
        """Largest number of complex values that a thread has at once."""
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
        candidates = [team for radices in factored(length, stages) for team in _teams(length, radices, values)]
        if candidates:
            return min(candidates, key=lambda one: (one.lanes < LANES, _work(one), -max(one.radices), one.radices))
    return None


def _teams(length: int, radices: tuple[int, ...], maximum: int) -> Iterator[RowTiling]:
    """Tilings whose threads hold at most `maximum` values each."""
    # large radices take registers, so fewer threads fit
    threads = THREADS if max(radices) < 16 else THREADS * 9 // 16
    for radix, share in itertools.product(radices, (1, 2, 3, 4)):
        lanes = math.ceil(length // radix / share)
        tiling = RowTiling(length, radices, lanes, max(1, round(threads / lanes)))
        if tiling.values <= maximum and tiling.threads <= 512 and tiling.shared_bytes <= SHARED_BYTES:
            yield tiling


def _work(tiling: RowTiling) -> float:
    """Work of the threads for a value, idle ones too, and a round through shared memory for each stage."""
    rounds = [math.ceil(tiling.length // radix / tiling.lanes) * tiling.lanes * radix for radix in tiling.radices]
    return sum(rounds) / tiling.length + len(rounds)


@lru_cache(maxsize=256)
def _gap(*radices: int) -> int:
    """The gap that spreads neighbouring threads, whose values are a radix apart, best over 16 banks of 8 bytes."""

    def meetings(gap: int) -> int:
        banks = [[(j * radix + (j * radix >> gap)) % 16 for j in range(16)] for radix in radices]
        return sum(max(map(row.count, row)) for row in banks)

    return min((31, 4, 3, 2), key=meetings)
