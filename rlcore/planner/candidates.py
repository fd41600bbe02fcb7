"""Candidates: all tilings worth considering for a volume, as arrays, so that a planner can compare all at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.algorithm.boundary import Geometry
from rlcore.algorithm.regularization import reach_of
from rlcore.backend import Backend, Shape
from rlcore.errors import InputError
from rlcore.planner.plan import Placement
from rlcore.planner.requirements import Candidate, Job

HALO_ERRORS: tuple[tuple[float, float], ...] = ((0.6, 0.2), (1.0, 2e-2), (1.5, 6e-3), (2.0, 2e-4))
"""Halo on each side, in lengths of the PSF, and the largest error of independent blocks measured with it, as a share of
the maximum: on cells, a pollen grain and beads behind a measured PSF, after 30 iterations (docs/blocks.md)."""

HALO_ERRORS_ACCELERATED: tuple[tuple[float, float], ...] = (
    (0.6, 0.2),
    (1.0, 4e-2),
    (1.5, 8e-3),
    (2.0, 3e-3),
    (2.5, 8e-4),
)
"""Halo and error as in `HALO_ERRORS`, but with acceleration, which amplifies the error of missing light."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """All combinations of the cuts of each axis, flattened."""

    lengths: tuple[npt.NDArray[np.int64], ...]
    """Per axis: lengths of blocks."""
    cores: tuple[npt.NDArray[np.int64], ...]
    """Per axis: lengths of the cores of these blocks."""
    halo: Shape
    half_steps: int
    domain: Shape
    voxels: npt.NDArray[np.float64]
    """Voxels of a block, for every combination."""
    blocks: npt.NDArray[np.float64]
    """Number of blocks, for every combination."""

    def candidate(self, flat: int, placement: Placement) -> Candidate:
        """One combination."""
        at = np.unravel_index(flat, tuple(len(side) for side in self.lengths))
        block = tuple(int(side[i]) for side, i in zip(self.lengths, at, strict=True))
        core = tuple(int(side[i]) for side, i in zip(self.cores, at, strict=True))
        halo = tuple(h if k < n else 0 for h, k, n in zip(self.halo, core, self.domain, strict=True))
        return Candidate(block, core, halo, self.half_steps, placement)


def halo_for(job: Job, half_steps: int, tolerance: float | None) -> Shape:
    """Halo on each side that makes a sweep of `half_steps` exact, or keeps it within `tolerance` if that is less."""
    lengths, neighbours = job.geometry.psf_shape, reach_of(job.regularization)
    full = tuple(max(1, half_steps // 2) * max(p - 1, neighbours) for p in lengths)
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


def candidates_of(job: Job, backend: Backend[Any], half_steps: int, halo: Shape) -> Candidates:
    """Blocks of lengths that suit the FFT, from the whole axis down to a core of a single voxel."""
    geometry = job.geometry
    domain = geometry.domain.shape
    margins = _half_step_margins(job) if half_steps == 1 else tuple(2 * h for h in halo)
    lengths, cores = zip(*(_side(axis, geometry, backend, margins[axis]) for axis in range(len(domain))), strict=True)
    voxels, blocks = np.ones(1), np.ones(1)
    for side, core, n in zip(lengths, cores, domain, strict=True):
        voxels = np.multiply.outer(voxels, side.astype(float)).reshape(-1)
        blocks = np.multiply.outer(blocks, np.ceil(n / core)).reshape(-1)
    return Candidates(lengths, cores, halo, half_steps, domain, voxels, blocks)


def _half_step_margins(job: Job) -> Shape:
    """Voxels that a half-step reads besides its core: those that light comes from, and the neighbours it needs."""
    neighbours = reach_of(job.regularization)
    return tuple(max(a, neighbours) + max(b, neighbours) for a, b in zip(*job.geometry.reach, strict=True))


def _side(
    axis: int, geometry: Geometry, backend: Backend[Any], margin: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lengths of blocks along one axis and of their cores; the whole axis first."""
    n = geometry.domain.shape[axis]
    whole = n if geometry.wraps else _fast(geometry.minimum_shape[axis], axis, geometry, backend)
    found = {whole: n}
    for count in _counts(n):
        length = _fast(-(-n // count) + margin, axis, geometry, backend)
        if length < whole:
            core = length - margin
            found.setdefault(length, -(-n // -(-n // core)))
    return np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=np.int64)


def _counts(n: int) -> list[int]:
    """Numbers of blocks along an axis: 2, 3, 4 ..., then growing by a third, up to one block per voxel."""
    counts = [2]
    while counts[-1] < n:
        counts.append(min(n, max(counts[-1] + 1, int(counts[-1] * 1.3))))
    return [count for count in counts if count <= n]


def _fast(length: int, axis: int, geometry: Geometry, backend: Backend[Any]) -> int:
    """A length of at least `length` that suits the backend's FFT along one axis."""
    probe = [64] * len(geometry.image_shape)
    probe[axis] = length
    return backend.fast_shape(tuple(probe))[axis]
