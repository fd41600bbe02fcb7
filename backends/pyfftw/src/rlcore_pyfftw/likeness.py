"""How alike two steps are: sums over the planes of a box, each thread taking planes; which of them does not show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from rlcore.backend import Likeness
from rlcore.blocks import Box
from rlcore.pace import LEAST
from rlcore_pyfftw.layout import Floats, Padded, Temporaries
from rlcore_pyfftw.team import Team

_LEAST, _TOP = np.float32(LEAST), np.float32(np.inf)


def likeness(team: Team, arrays: tuple[Padded, Padded, Padded, Padded], inside: Box) -> Likeness:
    """As `SupportsLikeness.likeness`: estimate, point, previous and before."""
    planes = range(inside.start[0], inside.stop[0])
    part = tuple(slice(a, b) for a, b in zip(inside.start[1:], inside.stop[1:], strict=True))
    told = [Likeness(0.0, 0.0)] * len(planes)

    def lane(numbers: Iterator[int]) -> None:
        temporaries = Temporaries()
        for number in numbers:
            plane: tuple[Any, ...] = (planes[number], *part)
            told[number] = _of_plane(temporaries, *(array.reals[plane] for array in arrays))

    team.run(lane, len(planes))
    return Likeness(math.fsum(one.product for one in told), math.fsum(one.square for one in told))


def _of_plane(temporaries: Temporaries, estimate: Floats, point: Floats, previous: Floats, before: Floats) -> Likeness:
    newer = np.subtract(estimate, point, out=temporaries.take("newer", estimate.shape))
    older = np.subtract(previous, before, out=temporaries.take("older", estimate.shape))
    share = np.clip(before, _LEAST, _TOP, out=temporaries.take("share", estimate.shape))
    np.divide(older, share, out=share)
    product = float(np.multiply(newer, share, out=newer).sum(axis=-1).sum(dtype=np.float64))
    return Likeness(product, float(np.multiply(older, share, out=older).sum(axis=-1).sum(dtype=np.float64)))
