"""What a way of cutting needs: bytes on the device, on the host and on disk, and relative time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rlcore.acceleration import TELLING, Acceleration
from rlcore.backend import Backend, Shape, SupportsHostVolumes, SupportsResidence, SupportsStreams, on_host, real_dtype
from rlcore.boundary import Geometry
from rlcore.fitness import Lattice
from rlcore.planner.plan import Residence
from rlcore.regularization import Regularization, reach_of
from rlcore.richardson_lucy import Held, held_by
from rlcore.stopping import Stop

# Time to move one voxel of a block in or out, in units of one transform's time per voxel and log2(voxels).
# Measured as ratios on a CPU with 2 threads and on a data-centre GPU; only their order of magnitude matters.
_MOVE_ON_CPU: dict[Residence, float] = {"device": 5.0, "host": 5.0, "scratch": 8.0}
_MOVE_TO_GPU: dict[Residence, float] = {"device": 6.0, "host": 400.0, "scratch": 4000.0}

_PAGE = 1024
"""Voxels of float32 in a page: the least that is moved of a file."""

LINGERING = 32 << 20
"""Freed arrays of fewer bytes may stay with a process on the host, whose heap lies in pieces: one of them, as was
measured in runs whose blocks come and go."""

FIXED = 16 << 20
"""Bytes allowed for what does not grow with the volume: tables, thread buffers, library state."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run, as far as needs go."""

    geometry: Geometry
    iterations: int
    result_in_memory: bool = True
    """Whether the result is a new array in host memory."""
    lazy_image: bool = False
    """Whether the image has to be read piece by piece (not an array in memory), so that reading ahead pays."""
    checkpoint: bool = False
    acceleration: Acceleration = "none"
    regularization: Regularization = "none"
    stop: Stop | Literal["held-out"] = "none"

    @property
    def ratios(self) -> int:
        """Volumes between two half-steps."""
        return 2 if self.regularization == "consensus" else 1

    def held(self, backend: Backend[Any], *, half: bool) -> Held:
        """What an iteration or a half-step holds on the device."""
        return held_by(backend, half=half, acceleration=self.acceleration, split=self.ratios > 1)

    @property
    def carried(self) -> int:
        """Volumes that go from one iteration to the next: the estimate, the one before, and the point before."""
        return 1 if self.acceleration == "none" else 3 if self.acceleration in TELLING else 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to cut: the block, how much of it is kept, and how many half-steps it runs between exchanges."""

    block_shape: Shape
    keep_shape: Shape
    halo: Shape
    half_steps: int
    residence: Residence

    def blocks(self, domain: Shape) -> int:
        return math.prod(-(-n // k) for n, k in zip(domain, self.keep_shape, strict=True))


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes and relative time of a candidate."""

    device: int
    host: int
    scratch: int
    largest_buffer: int
    cost: float


def overlaps(backend: Backend[Any], job: Job, blocks: int) -> bool:
    """Whether reading and writing beside the computation pays: over a bus, or where reading has to decode."""
    return blocks > 1 and (isinstance(backend, SupportsStreams) or job.lazy_image)


def needs_of(candidate: Candidate, job: Job, backend: Backend[Any]) -> Needs:
    """Everything the planner compares and the budget has to hold."""
    footprint = backend.footprint(candidate.block_shape)
    blocks = candidate.blocks(job.geometry.domain.shape)
    item = real_dtype(backend).itemsize
    image, volume = (math.prod(job.geometry.image_shape) * item, job.geometry.domain.size * item)
    half = blocks > 1 and candidate.half_steps == 1
    device = job.held(backend, half=half).bytes(footprint) + FIXED
    device += _looked_at(job, footprint.real)
    if half and on_host(backend) and footprint.real < LINGERING:
        device += footprint.real
    host = image if job.result_in_memory else 0
    kept = _volumes(candidate, job, blocks, image, volume)
    if blocks == 1:
        host = _host_of_whole(footprint.real, host, backend)
    else:
        ahead = 1 + job.ratios + 2 * job.carried if overlaps(backend, job, blocks) else 0
        device += ahead * footprint.real
        staging = 0 if isinstance(backend, SupportsHostVolumes) and not job.lazy_image else 1
        host += (staging + bool(ahead)) * footprint.real
        gathered = image if candidate.half_steps == 1 and job.result_in_memory and not job.checkpoint else 0
        if candidate.residence == "device":
            device += kept + image
        elif candidate.residence == "host":
            host += kept - gathered  # where the ratio was
        elif on_host(backend):
            host -= min(gathered, device - FIXED)  # where the blocks were
    host += image if job.stop == "held-out" and not job.lazy_image else 0  # a copy without the photons held out
    scratch = kept if job.checkpoint or (blocks > 1 and candidate.residence == "scratch") else 0
    largest = max(footprint.real, footprint.spectrum, volume if candidate.residence == "device" and kept else 0)
    return Needs(device, host, scratch, largest, _cost(candidate, job, backend, blocks))


def _looked_at(job: Job, real: int) -> int:
    """Bytes on the device for planes of the model and of what it is compared with, if the run looks at them."""
    step = Lattice.over(job.geometry.image_shape).step
    return 0 if job.stop == "none" else 3 * -(-real // step)


def _volumes(candidate: Candidate, job: Job, blocks: int, image: int, volume: int) -> int:
    """Bytes of the working volumes that are alive at once: estimates on their domain, the ratio on the image.

    A checkpoint never overwrites the estimate it reads, and keeps a result that is not gathered beside the estimates
    until the end.
    """
    by_halves = blocks > 1 and candidate.half_steps == 1
    ratio = job.ratios * image if by_halves else 0
    left = _sweeps(candidate, job, blocks) - 1
    if not job.checkpoint and by_halves and not reach_of(job.regularization):
        return ratio + volume * job.carried
    gathered = by_halves and job.result_in_memory
    if not job.checkpoint:
        return ratio + volume * _left(candidate, job, blocks, left + gathered)
    return ratio + volume * _left(candidate, job, blocks, left + gathered) + (0 if gathered else image)


def _left(candidate: Candidate, job: Job, blocks: int, sweeps: int) -> int:
    """Volumes that so many sweeps leave, none of which overwrites what it reads.

    With acceleration a sweep of one iteration leaves one estimate beside the two that it read, and a sweep of several
    leaves two; a point beside the one it read.
    """
    if job.acceleration == "none":
        return min(2, sweeps)
    single = blocks > 1 and candidate.half_steps <= 2
    estimates = min(3, sweeps) if single else 2 * min(2, sweeps)
    return estimates + (job.carried - 2) * min(2, sweeps)


def _sweeps(candidate: Candidate, job: Job, blocks: int) -> int:
    """Sweeps that write an estimate; those of a whole volume with a checkpoint are a tenth of the run."""
    if blocks == 1:
        return -(-job.iterations // -(-job.iterations // 10)) if job.checkpoint else 1
    return -(-job.iterations // max(1, candidate.half_steps // 2))


def _host_of_whole(real: int, result: int, backend: Backend[Any]) -> int:
    """Host bytes beside the device's arrays when one block holds everything."""
    if on_host(backend):
        return 0  # staging before, and the result after the iterations, take less than the arrays freed by then
    return result if isinstance(backend, SupportsResidence) else result + real


def _cost(candidate: Candidate, job: Job, backend: Backend[Any], blocks: int) -> float:
    """Time of the transforms and of moving blocks, in the backend's own units."""
    transforms = 4 * job.iterations * blocks * backend.cost(candidate.block_shape)
    if blocks == 1:
        return transforms
    voxels = math.prod(candidate.block_shape) * share_moved(candidate, job.geometry.domain.shape[-1])
    moved = moves(candidate.half_steps, job) * blocks * voxels
    return transforms + cost_unit(backend) * relative_move_cost(candidate.residence, backend) * moved


def cost_of_call(cost: float, residence: Residence | None, geometry: Geometry, backend: Backend[Any]) -> float:
    """The same with the image's way in and the result's way out, which blocks in host memory or files pay anyway.

    `residence` is None for a whole volume.
    """
    if residence in ("host", "scratch"):
        return cost
    return cost + 2 * cost_unit(backend) * relative_move_cost("host", backend) * math.prod(geometry.image_shape)


def cost_of_whole(geometry: Geometry, iterations: int, backend: Backend[Any]) -> float:
    """Time of a call that does the volume at once, in the backend's own units."""
    return cost_of_call(4 * iterations * backend.cost(shape_of_whole(geometry, backend)), None, geometry, backend)


def shape_of_whole(geometry: Geometry, backend: Backend[Any]) -> Shape:
    """The block that holds all of it."""
    return geometry.least_shape if geometry.wraps else tuple(backend.fast_shape(geometry.least_shape))


def least_cost(job: Job, half_steps: int, residence: Residence, backend: Backend[Any]) -> float:
    """What blocks cost at the very least: every voxel is moved, if it is cut at all."""
    moved = moves(half_steps, job) * job.geometry.domain.size
    return cost_unit(backend) * relative_move_cost(residence, backend) * moved


def moves(half_steps: int, job: Job) -> int:
    """Blocks moved in or out, per block, over a whole run."""
    if half_steps == 1:
        # estimates and image in, ratio out; the state and the ratio in, an estimate and the point out
        return (2 + 2 * job.ratios + 2 * job.carried) * job.iterations
    return (1 + 2 * job.carried) * -(-job.iterations // (half_steps // 2))  # the state and the image in, the state out


def share_moved(candidate: Candidate, whole: int) -> float:
    """Voxels moved for one of a block's: a file gives whole pages, which rows that are cut use only in part."""
    row, cut = candidate.block_shape[-1], candidate.keep_shape[-1] < whole
    return min(whole, row + _PAGE) / row if cut and candidate.residence == "scratch" else 1.0


def relative_move_cost(residence: Residence, backend: Backend[Any]) -> float:
    """Time to move one voxel, over the time of one transform per voxel and log2(voxels)."""
    return (_MOVE_ON_CPU if on_host(backend) else _MOVE_TO_GPU)[residence]


def least_bytes(
    voxels: npt.NDArray[np.float64], half_steps: int, backend: Backend[Any], job: Job
) -> npt.NDArray[np.float64]:
    """What blocks of so many voxels need at the very least, on any backend: no plan can do with less."""
    held = job.held(backend, half=half_steps == 1)
    return (held.reals + held.spectra) * real_dtype(backend).itemsize * voxels


def cost_unit(backend: Backend[Any]) -> float:
    """Time of a transform per voxel and log2(voxels), in the backend's own units, at a size that suits every FFT and
    where starting it takes no time to speak of."""
    return backend.cost((512, 512, 512)) / (512**3 * 27)
