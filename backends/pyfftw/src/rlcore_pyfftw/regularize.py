"""Steps of regularized runs: threads share the planes, and call the formulas that NumPy's backend calls."""

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
"""Batches of planes for each thread; several, since they need not take equally long."""


def smooth(
    team: Team, target: Padded, estimate: Padded, *, weight: float, slack: float, epsilon: float, inside: Box | None
) -> None:
    """Divide a step in place by the factor that the total variation of its point demands."""
    part = (...,) if inside is None else inside.slices((0,) * len(target.shape))
    step, y = target.reals[part], estimate.reals[part]
    parts = list(batches(len(y), _BATCHES * team.threads))

    def work(numbers: Iterator[int]) -> None:
        for number in numbers:
            options: dict[str, Any] = {"weight": weight, "slack": slack, "epsilon": epsilon}
            smooth_planes(np, step, y, parts[number], **options, wraps=inside is None)

    team.run(work, len(parts))


def halve(team: Team, image: Padded, out: Padded, key: int, start: Shape, shape: Shape, *, second: bool) -> None:
    """Write twice one half of a binomial split of the counts, or twice the other half."""

    def work(numbers: Iterator[int]) -> None:
        for plane in numbers:
            halve_plane(image.reals[plane], out.reals[plane], plane, key, start, shape, second=second)
            out.room[plane] = 0

    team.run(work, len(image.reals))
