"""Steps of regularized runs: planes shared among threads, worked on by the functions that NumPy's backend uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rlcore.backend import Shape
from rlcore.backend.boxes import Box
from rlcore.backend.formulas.consensus import halve_plane
from rlcore.backend.formulas.total_variation import batches, smooth_planes
from rlcore_pyfftw.layout import Padded
from rlcore_pyfftw.team import Team

_BATCHES = 4
"""Of planes, for each thread: they need not take equally long."""


def smooth(
    team: Team, target: Padded, estimate: Padded, *, share: float, slack: float, least: float, inside: Box | None
) -> None:
    """Divide a step in place by what its point's variation asks for."""
    part = (...,) if inside is None else inside.slices((0,) * len(target.shape))
    step, y = target.reals[part], estimate.reals[part]
    parts = list(batches(len(y), _BATCHES * team.threads))

    def lane(numbers: Iterator[int]) -> None:
        for number in numbers:
            options: dict[str, Any] = {"share": share, "slack": slack, "least": least}
            smooth_planes(np, step, y, parts[number], **options, wraps=inside is None)

    team.run(lane, len(parts))


def halve(team: Team, image: Padded, out: Padded, key: int, start: Shape, shape: Shape, *, other: bool) -> None:
    """Write twice one half of the counts, or twice the other."""

    def lane(numbers: Iterator[int]) -> None:
        for plane in numbers:
            halve_plane(image.reals[plane], out.reals[plane], plane, key, start, shape, other=other)
            out.room[plane] = 0

    team.run(lane, len(image.reals))
