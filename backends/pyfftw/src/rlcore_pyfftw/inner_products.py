"""Inner products of two steps: sums over the planes of a box, shared among threads; their number does not matter."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rlcore.backend import InnerProducts
from rlcore.backend.boxes import Box
from rlcore.backend.formulas import EPSILON
from rlcore_pyfftw.layout import Batches, Floats, Padded, Piece, Temporaries
from rlcore_pyfftw.team import Team

_TOGETHER = 1 << 14
"""Approximate voxels of a batch: few enough for a cache, and for sums in single precision."""
_EPSILON, _TOP = np.float32(EPSILON), np.float32(np.inf)


def inner_products(team: Team, arrays: tuple[Padded, Padded, Padded, Padded], inside: Box) -> InnerProducts:
    """Inner products of the steps ``estimate - point`` and ``previous - before``, from `arrays` in this order."""
    rows = _of_planes if inside.shape == arrays[0].shape else _of_box
    planes = Batches(inside.shape[0], max(1, _TOGETHER // max(1, math.prod(inside.shape[1:]))))
    sums = [InnerProducts(0.0, 0.0)] * len(planes)  # by batch, so that any threads give the same result

    def work(numbers: Iterator[int]) -> None:
        temporaries = Temporaries()
        for number in numbers:
            start, stop = (inside.start[0] + at for at in planes[number])
            parts = (rows(array, start, stop, inside) for array in arrays)
            sums[number] = _of(temporaries, *parts)

    team.run(work, len(planes))
    return InnerProducts(math.fsum(one.product for one in sums), math.fsum(one.square for one in sums))


def _of_planes(array: Padded, start: int, stop: int, inside: Box) -> Floats:
    """Whole planes with the room of their rows, which is 0: NumPy is twice as fast without a loop over rows."""
    return array.piece(Piece(start, stop), Temporaries())


def _of_box(array: Padded, start: int, stop: int, inside: Box) -> Floats:
    part = (slice(start, stop), *(slice(a, b) for a, b in zip(inside.start[1:], inside.stop[1:], strict=True)))
    return array.reals[part]


def _of(temporaries: Temporaries, estimate: Floats, point: Floats, previous: Floats, before: Floats) -> InnerProducts:
    """Inner products of one batch, whose voxels are few enough for sums in single precision."""
    newer = np.subtract(estimate, point, out=temporaries.take("newer", estimate.shape))
    older = np.subtract(previous, before, out=temporaries.take("older", estimate.shape))
    share = np.clip(before, _EPSILON, _TOP, out=temporaries.take("share", estimate.shape)).reshape(-1)
    np.divide(older.reshape(-1), share, out=share)
    return InnerProducts(float(np.dot(newer.reshape(-1), share)), float(np.dot(older.reshape(-1), share)))
