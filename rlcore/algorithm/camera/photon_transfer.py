"""The photon transfer: the variance of the noise over the brightness, a line whose slope is the camera's gain.

Janesick, Photon Transfer (SPIE Press, 2007). For ``offset + gain * photons + read noise`` the variance at brightness m
is ``gain * (m - offset) + read_noise^2``. Both come from a single image here: the noise by a filter that removes the
object, the brightness from the same voxels, and the groups of voxels from their neighbours, whose noise is independent.
Groups made by the voxels' own brightness would take read noise for differences in light, and the slope would be too
small.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlcore.backend import Volume

SMALLEST = 8
"""Voxels along y and x that an image needs."""

_GROUPS = 32
"""Groups of as many voxels each, of about the same brightness, at most; the brightest is cut in halves five times."""

_MEMBERS = 50
"""Voxels that a group needs."""

_OUTLIER = 16.0
"""Squares above this many times the mean are edges or defects: normal noise exceeds it once in 16,000 voxels."""

_CORRELATION = 3.78
"""Voxels per independent value of the filter: the sum of its squared autocorrelation over y and x."""

CERTAIN = 2.5
"""Standard errors that a figure must be above 0 to be told from 0."""


SMOOTH = {1: 2.0, 2: 1.3}
"""Whiteness above which noise is smooth, for samples of one plane, which hold the object, and for pairs: 1 +- 0.1."""


class Squares(NamedTuple):
    """The noise filter's squares, and brightnesses, one for each place of the filter; flat arrays."""

    around: Volume
    """Brightness of the 16 voxels around the 3 x 3, in every plane of the filter: its noise is independent."""
    brightness: Volume
    """Mean of the 3 x 3 voxels in every plane."""
    noise: Volume
    """Square of the filter's value: its expectation is the variance of a voxel's noise."""
    neighbours: Volume
    """Half the square of the difference between adjacent voxels, of the difference between the planes: the variance
    again, if noise is white."""
    planes: int
    """Planes of the filter, 1 or 2."""


def squares(sample: Volume) -> Squares:
    """Filter a sample (bands, planes, rows, columns).

    The filter is the second difference along y and along x, and the difference between two planes if there are two: it
    is 0 for edges along either axis, and passes those frequencies that no microscope does. For Poisson numbers of one
    expectation its mean square, given their sum, is their mean.
    """
    planes = sample.shape[1]
    noise = _second_difference(_second_difference(sample, 2), 3)
    noise = (noise[:, 0] - noise[:, 1]) / math.sqrt(72) if planes == 2 else noise[:, 0] / 6
    total = sample.sum(axis=1)
    inner = _moving_sum(_moving_sum(total, 1, 3), 2, 3)[:, 1:-1, 1:-1]
    around = _moving_sum(_moving_sum(total, 1, 5), 2, 5) - inner
    flat = (sample[:, 0] - sample[:, 1]) / math.sqrt(2) if planes == 2 else sample[:, 0]
    pairs = (flat[:, 2:-2, 2:-2] - flat[:, 2:-2, 3:-1]) ** 2 / 2
    parts = (around / (16 * planes), inner / (9 * planes), noise[:, 1:-1, 1:-1] ** 2, pairs)
    lists = [part.ravel() for part in parts]
    finite = np.isfinite(lists[0]) & np.isfinite(lists[2])
    if not finite.all():
        lists = [part[finite] for part in lists]
    return Squares(lists[0], lists[1], lists[2], lists[3], planes)


def _second_difference(values: Volume, axis: int) -> Volume:
    line = np.moveaxis(values, axis, -1)
    return np.moveaxis(line[..., :-2] - 2 * line[..., 1:-1] + line[..., 2:], -1, axis)


def _moving_sum(values: Volume, axis: int, length: int) -> Volume:
    line = np.moveaxis(values, axis, -1)
    n = line.shape[-1] - length + 1
    return np.moveaxis(sum((line[..., k : k + n] for k in range(1, length)), line[..., :n]), -1, axis)


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Brightness and variance of groups of voxels, and how many voxels are in each."""

    brightness: Volume
    variance: Volume
    number: Volume
    relative: Volume
    """Variance of the variance, over its square."""
    whiteness: float
    """The variance by adjacent voxels over that by the filter, where this is least: 1 for white noise, more if noise is
    smooth. The object adds to it, but hardly to all groups."""


def group(found: Squares, by: Volume, full: float = math.inf) -> Groups:
    """Groups of voxels that have about the same value of `by`, one of the brightnesses found.

    Groups so bright that some of their voxels may be at `full`, the saturated value, are left out.
    """
    count = min(_GROUPS, max(4, by.size // (10 * _MEMBERS)))
    shares = 1 - np.concatenate((np.arange(1, count), 0.5 ** np.arange(1, 6))) / count
    edges = np.unique(np.quantile(by[:: 1 + by.size // 40000], np.sort(shares)))
    number = np.searchsorted(edges, by, side="left").astype(np.int8)
    order = np.argsort(number, kind="stable")
    ends = np.searchsorted(number[order], np.arange(len(edges) + 2))
    rows = []
    least = _smallest_step(found.noise)
    for start, stop in itertools.pairwise(ends):
        if stop - start >= _MEMBERS:
            here = order[start:stop]
            level, kept = _without_edges(found.noise[here], least)
            adjacent, _ = _without_edges(found.neighbours[here], least)
            brightness = float(found.brightness[here][kept].mean(dtype=np.float64))
            rows.append((brightness, level, int(kept.sum()), adjacent, _spread(found.noise[here][kept], level)))
    below = [row for row in rows if row[0] + 4 * math.sqrt(row[1]) < full]
    means, variance, members, pairs, spread = np.array(below, dtype=np.float64).reshape(-1, 5).T
    lit = variance > 0
    whiteness = float(np.quantile(pairs[lit] / variance[lit], 0.1)) if lit.any() else 1.0
    return Groups(means, variance, members, _CORRELATION * spread / members, whiteness)


def _spread(squared: Volume, mean: float) -> float:
    """Variance of squares over the square of their mean: 2 if noise is normal, more if it is of few photons."""
    return max(2.0, float(squared.var(dtype=np.float64)) / mean**2) if mean > 0 else 2.0


def _smallest_step(squared: Volume) -> float:
    """The smallest square but 0: that of a single photon where photons are few and so alike."""
    steps = squared[squared > 1e-6 * float(squared.max(initial=0))]
    return float(steps.min(initial=math.inf)) if steps.size else 0.0


def _without_edges(squared: Volume, step: float) -> tuple[float, Volume]:
    """The mean of the squares without outliers, and which those are not. Two photons in one voxel are none."""
    kept, mean = np.ones(squared.shape, bool), float(squared.mean(dtype=np.float64))
    for _ in range(10):
        now = squared <= max(_OUTLIER * mean, 64 * step)
        if np.array_equal(now, kept):
            break
        kept, mean = now, float(squared[now].mean(dtype=np.float64)) if now.any() else 0.0
    return mean, kept


@dataclass(frozen=True, slots=True)
class Line:
    """The variance as a line over the brightness."""

    slope: float
    zero: float
    """Brightness at which the line's variance is 0."""
    slope_error: float
    zero_error: float
    zero_least: float
    """Bound of the zero from below, by as many standard errors of slope and level as are certain (Fieller, 1954)."""
    misfit: float
    """Root mean square of the groups' relative distance from the line, in excess of what chance makes."""

    @property
    def significant(self) -> bool:
        """True if the slope is above 0 beyond chance."""
        return self.slope > CERTAIN * self.slope_error


def fit_line(groups: Groups, slope: float | None = None) -> Line | None:
    """The line through groups, by weighted least squares, of a slope that is known or not. None without noise.

    The variance of a group's variance is in proportion to its square.
    """
    lit = groups.variance > 0
    if lit.sum() < 2:
        return None
    x, y, relative = groups.brightness[lit], groups.variance[lit], groups.relative[lit]
    weight = 1 / (relative * np.square(y))
    middle, level = float(np.average(x, weights=weight)), float(np.average(y, weights=weight))
    spread = float(weight @ np.square(x - middle))
    error = 0.0
    if slope is None:
        slope = float(weight @ ((x - middle) * (y - level))) / spread if spread > 0 else 0.0
        error = 1 / math.sqrt(spread) if spread > 0 else math.inf
    if not slope > 0:
        return Line(slope, -math.inf, error, math.inf, -math.inf, 0.0)
    zero = middle - level / slope
    level_error = 1 / math.sqrt(float(weight.sum()))
    zero_error = math.hypot(level_error, (middle - zero) * error) / slope
    flattest = slope - CERTAIN * error
    zero_least = middle - (level + CERTAIN * level_error) / flattest if flattest > 0 else -math.inf
    excess = np.average(np.square(slope * (x - zero) / y - 1) - relative, weights=groups.number[lit])
    return Line(slope, zero, error, zero_error, zero_least, math.sqrt(max(0.0, float(excess))))
