"""Every way worth considering to cut a volume, as arrays, so that a planner can look at all of them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Shape
from rlcore.boundary import Geometry
from rlcore.errors import InputError
from rlcore.planner.needs import Candidate, Job
from rlcore.planner.plan import Residence
from rlcore.regularization import reach_of

HALO_ERRORS: tuple[tuple[float, float], ...] = ((0.6, 0.2), (1.0, 2e-2), (1.5, 6e-3), (2.0, 2e-4))
"""Halo a side, in lengths of the PSF, and the largest error of independent blocks seen with it, as a share of the
maximum: on cells, a pollen grain and beads behind a measured PSF, after 30 iterations (docs/blocks.md)."""

HALO_ERRORS_ACCELERATED: tuple[tuple[float, float], ...] = (
    (0.6, 0.2),
    (1.0, 4e-2),
    (1.5, 8e-3),
    (2.0, 3e-3),
    (2.5, 8e-4),
)
"""The same with acceleration, which makes more of what is missing."""


@dataclass(frozen=True, slots=True)
class Ways:
    """All combinations of ways to cut each axis, flattened."""

    lengths: tuple[npt.NDArray[np.int64], ...]
    """Per axis: lengths of blocks."""
    keeps: tuple[npt.NDArray[np.int64], ...]
    """Per axis: what a block of that length keeps."""
    halo: Shape
    half_steps: int
    domain: Shape
    voxels: npt.NDArray[np.float64]
    """Voxels of a block, for every combination."""
    blocks: npt.NDArray[np.float64]
    """Number of blocks, for every combination."""

    def candidate(self, flat: int, residence: Residence) -> Candidate:
        """One combination."""
        at = np.unravel_index(flat, tuple(len(side) for side in self.lengths))
        block = tuple(int(side[i]) for side, i in zip(self.lengths, at, strict=True))
        keep = tuple(int(side[i]) for side, i in zip(self.keeps, at, strict=True))
        halo = tuple(h if k < n else 0 for h, k, n in zip(self.halo, keep, self.domain, strict=True))
        return Candidate(block, keep, halo, self.half_steps, residence)


def halo_for(job: Job, half_steps: int, tolerance: float | None) -> Shape:
    """Voxels a side that a sweep of `half_steps` needs to be exact, or to keep within `tolerance` if that is less."""
    lengths, least = job.geometry.psf_shape, reach_of(job.regularization)
    full = tuple(max(1, half_steps // 2) * max(p - 1, least) for p in lengths)
    if tolerance is None:
        return full
    known = HALO_ERRORS if job.acceleration == "none" else HALO_ERRORS_ACCELERATED
    enough = [reach for reach, error in known if error <= tolerance]
    if not enough:
        raise InputError(
            f"tolerance {tolerance!r} is below {known[-1][1]:g}, the least that independent blocks are known to "
            f"keep; leave exchange on for exact blocks"
        )
    return tuple(min(math.ceil(enough[0] * p), n) for p, n in zip(lengths, full, strict=True))


def ways_to_cut(job: Job, backend: Backend[Any], half_steps: int, halo: Shape) -> Ways:
    """Blocks of lengths the FFT does well, from the whole axis down to a single voxel kept."""
    geometry = job.geometry
    domain = geometry.domain.shape
    margins = _half_step_margins(job) if half_steps == 1 else tuple(2 * h for h in halo)
    lengths, keeps = zip(*(_side(axis, geometry, backend, margins[axis]) for axis in range(len(domain))), strict=True)
    voxels, blocks = np.ones(1), np.ones(1)
    for side, keep, n in zip(lengths, keeps, domain, strict=True):
        voxels = np.multiply.outer(voxels, side.astype(float)).reshape(-1)
        blocks = np.multiply.outer(blocks, np.ceil(n / keep)).reshape(-1)
    return Ways(lengths, keeps, halo, half_steps, domain, voxels, blocks)


def _half_step_margins(job: Job) -> Shape:
    """Voxels that a half-step reads besides its keep: those that light comes from, and the neighbours it needs."""
    least = reach_of(job.regularization)
    return tuple(max(a, least) + max(b, least) for a, b in zip(*job.geometry.reach, strict=True))


def _side(
    axis: int, geometry: Geometry, backend: Backend[Any], margin: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lengths of blocks along one axis and what each keeps; the whole axis first."""
    n = geometry.domain.shape[axis]
    whole = n if geometry.wraps else _fast(geometry.least_shape[axis], axis, geometry, backend)
    found = {whole: n}
    for count in _counts(n):
        length = _fast(-(-n // count) + margin, axis, geometry, backend)
        if length < whole:
            keep = length - margin
            found.setdefault(length, -(-n // -(-n // keep)))
    return np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=np.int64)


def _counts(n: int) -> list[int]:
    """Numbers of blocks along an axis: all small ones, then growing by a third, up to one voxel each."""
    counts = [2]
    while counts[-1] < n:
        counts.append(min(n, max(counts[-1] + 1, int(counts[-1] * 1.3))))
    return [count for count in counts if count <= n]


def _fast(length: int, axis: int, geometry: Geometry, backend: Backend[Any]) -> int:
    """A length at least `length` that the backend's FFT does well along one axis."""
    probe = [64] * len(geometry.image_shape)
    probe[axis] = length
    return backend.fast_shape(tuple(probe))[axis]
