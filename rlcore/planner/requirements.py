"""Requirements of a candidate: bytes on the device, on the host and on disk, and relative time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rlcore.algorithm.acceleration import ADAPTIVE, Acceleration
from rlcore.algorithm.boundary import Geometry
from rlcore.algorithm.regularization import Regularization, reach_of
from rlcore.algorithm.sampled_planes import SampledPlanes
from rlcore.algorithm.stopping import Stop
from rlcore.backend import Backend, IterationOptions, LiveArrays, Shape, Streams, overrides
from rlcore.planner.plan import Placement

# Time to move one voxel of a block in or out, in units of one transform's time per voxel and log2(voxels).
# Measured as ratios on a CPU with 2 threads and on a data-centre GPU; only the order of magnitude matters.
_MOVE_ON_CPU: dict[Placement, float] = {"device": 5.0, "host": 5.0, "scratch": 8.0}
_MOVE_TO_GPU: dict[Placement, float] = {"device": 6.0, "host": 400.0, "scratch": 4000.0}

_PAGE = 1024
"""Voxels of float32 in a page, which is the smallest amount that is moved of a file."""

LINGERING = 32 << 20
"""Below this size one freed array per run may remain in the fragmented heap of the host (measured)."""

FIXED = 16 << 20
"""Bytes allowed for everything that does not grow with the volume: tables, thread buffers, library state."""


@dataclass(frozen=True, slots=True)
class Job:
    """The properties of a run that its requirements depend on."""

    geometry: Geometry
    iterations: int
    result_in_memory: bool = True
    """True if the result is a new array in host memory."""
    result_overlaps: bool = False
    """True if the result goes to an array that shares its memory with the image or the start."""
    lazy_image: bool = False
    """True if the image has to be read piece by piece (it is no array in memory), so that reading ahead pays."""
    checkpoint: bool = False
    acceleration: Acceleration = "none"
    regularization: Regularization = "none"
    stop: Stop | Literal["held-out"] = "none"
    weighted: bool = False
    """True if voxels of the image count by data weights."""

    @property
    def ratios(self) -> int:
        """Ratio volumes between two half-steps."""
        return 2 if self.regularization == "consensus" else 1

    def live_arrays(self, backend: Backend[Any], *, half: bool) -> LiveArrays:
        """Arrays of a block's shape that an iteration, or a half-step alone, holds on the device."""
        momentum, adaptive = self.acceleration != "none", self.acceleration in ADAPTIVE
        live = backend.live_arrays(IterationOptions(half, momentum, adaptive, split=self.ratios > 1))
        # the data weights, and the weight of the update, which no table gives
        return replace(live, reals=live.reals + 2) if self.weighted else live

    @property
    def carried(self) -> int:
        """Volumes that go from one iteration to the next: the estimate, the previous one, and the previous point."""
        return 1 if self.acceleration == "none" else 3 if self.acceleration in ADAPTIVE else 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tiling under consideration, with the half-steps between exchanges and the placement of working volumes."""

    block_shape: Shape
    core_shape: Shape
    halo: Shape
    half_steps: int
    placement: Placement

    def blocks(self, domain: Shape) -> int:
        return math.prod(-(-n // k) for n, k in zip(domain, self.core_shape, strict=True))


@dataclass(frozen=True, slots=True)
class Requirements:
    """Bytes and relative time of a candidate."""

    device: int
    host: int
    scratch: int
    largest_buffer: int
    cost: float


def overlaps(backend: Backend[Any], job: Job, blocks: int) -> bool:
    """True if reading and writing beside the computation pays: over a bus, or where reading has to decode."""
    return blocks > 1 and (isinstance(backend, Streams) or job.lazy_image)


def requirements_of(candidate: Candidate, job: Job, backend: Backend[Any]) -> Requirements:
    """The requirements of a candidate, which the planner compares and the budget has to cover."""
    footprint = backend.footprint(candidate.block_shape)
    blocks = candidate.blocks(job.geometry.domain.shape)
    facts = backend.facts
    item = facts.dtype.itemsize
    image, volume = (math.prod(job.geometry.image_shape) * item, job.geometry.domain.size * item)
    half = blocks > 1 and candidate.half_steps == 1
    device = job.live_arrays(backend, half=half).bytes(footprint) + FIXED
    device += _sampled_bytes(job, footprint.real)
    if half and facts.on_host and footprint.real < LINGERING:
        device += footprint.real
    host = image if job.result_in_memory else 0
    kept = _volumes(candidate, job, blocks, image, volume)
    if blocks == 1:
        host = _host_of_whole(footprint.real, host, backend)
    else:
        ahead = 1 + job.ratios + 2 * job.carried + job.weighted if overlaps(backend, job, blocks) else 0
        device += ahead * footprint.real
        staging = 0 if overrides(backend, "read", "write") and not (job.lazy_image or job.weighted) else 1
        host += (staging + bool(ahead)) * footprint.real
        gathered = image if candidate.half_steps == 1 and job.result_in_memory and not job.checkpoint else 0
        if candidate.placement == "device":
            device += kept + image
        elif candidate.placement == "host":
            host += kept - gathered  # the result takes the memory of the ratio
        elif facts.on_host:
            host -= min(gathered, device - FIXED)  # the result takes the memory of the blocks
    host += _held_out_bytes(job, image, item)
    scratch = kept if job.checkpoint or (blocks > 1 and candidate.placement == "scratch") else 0
    if job.result_overlaps and blocks > 1:
        scratch += image  # the result waits in a file until everything has been read
    largest = max(footprint.real, footprint.spectrum, volume if candidate.placement == "device" and kept else 0)
    return Requirements(device, host, scratch, largest, _cost(candidate, job, backend, blocks))


def _sampled_bytes(job: Job, real: int) -> int:
    """Bytes on the device for sampled planes of the model and of the data, if a stopping rule compares them."""
    step = SampledPlanes.over(job.geometry.image_shape).step
    return 0 if job.stop == "none" else (6 if job.weighted else 3) * -(-real // step)


def _held_out_bytes(job: Job, image: int, item: int) -> int:
    """Bytes on the host for held-out photons in the sampled planes, and for a copy of the image without them."""
    if job.stop != "held-out":
        return 0
    planes = item * SampledPlanes.over(job.geometry.image_shape).voxels
    return planes + (0 if job.lazy_image else image)


def _volumes(candidate: Candidate, job: Job, blocks: int, image: int, volume: int) -> int:
    """Bytes of the working volumes that are alive at once: estimates on their domain, the ratio on the image.

    A run with a checkpoint never overwrites the estimate that it reads, and keeps a result that is not gathered beside
    the estimates until the end.
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
    """Volumes that a number of sweeps leave, none of which overwrites the volumes that it reads.

    With acceleration a sweep of one iteration leaves one estimate beside the two that it read, and a sweep of several
    leaves two; a point beside the one it read.
    """
    if job.acceleration == "none":
        return min(2, sweeps)
    single = blocks > 1 and candidate.half_steps <= 2
    estimates = min(3, sweeps) if single else 2 * min(2, sweeps)
    return estimates + (job.carried - 2) * min(2, sweeps)


def _sweeps(candidate: Candidate, job: Job, blocks: int) -> int:
    """Sweeps that write an estimate; of a whole volume with a checkpoint each is a tenth of the run."""
    if blocks == 1:
        return -(-job.iterations // -(-job.iterations // 10)) if job.checkpoint else 1
    return -(-job.iterations // max(1, candidate.half_steps // 2))


def _host_of_whole(real: int, result: int, backend: Backend[Any]) -> int:
    """Host bytes beside the device's arrays when one block holds everything."""
    if backend.facts.on_host:
        return 0  # staging before, and the result after the iterations, take less than the arrays freed by then
    return result if overrides(backend, "cut", "paste") else result + real


def _cost(candidate: Candidate, job: Job, backend: Backend[Any], blocks: int) -> float:
    """Time of the transforms and of moving blocks, in the backend's own units."""
    sweeps = 1 if blocks == 1 else -(-job.iterations // max(1, candidate.half_steps // 2))
    each = 4 * job.iterations + (2 * sweeps if job.weighted else 0)  # the weight of every block, by its data weights
    transforms = each * blocks * backend.cost(candidate.block_shape)
    if blocks == 1:
        return transforms
    voxels = math.prod(candidate.block_shape) * share_moved(candidate, job.geometry.domain.shape[-1])
    moved = moves(candidate.half_steps, job) * blocks * voxels
    return transforms + cost_unit(backend) * relative_move_cost(candidate.placement, backend) * moved


def cost_of_call(cost: float, placement: Placement | None, geometry: Geometry, backend: Backend[Any]) -> float:
    """Time of a run with the transfers of image and result, which blocks in host memory or files pay anyway.

    `placement` is None for a whole volume.
    """
    if placement in ("host", "scratch"):
        return cost
    return cost + 2 * cost_unit(backend) * relative_move_cost("host", backend) * math.prod(geometry.image_shape)


def cost_of_whole(geometry: Geometry, iterations: int, backend: Backend[Any]) -> float:
    """Time of a call that restores the volume in one block, in the backend's own units."""
    return cost_of_call(4 * iterations * backend.cost(shape_of_whole(geometry, backend)), None, geometry, backend)


def shape_of_whole(geometry: Geometry, backend: Backend[Any]) -> Shape:
    """Shape of the block that holds the whole volume."""
    return geometry.minimum_shape if geometry.wraps else tuple(backend.fast_shape(geometry.minimum_shape))


def minimum_cost(job: Job, half_steps: int, placement: Placement, backend: Backend[Any]) -> float:
    """A lower bound for the cost of blocks: every voxel is moved."""
    moved = moves(half_steps, job) * job.geometry.domain.size
    return cost_unit(backend) * relative_move_cost(placement, backend) * moved


def moves(half_steps: int, job: Job) -> int:
    """Blocks moved in or out, per block, over a whole run."""
    if half_steps == 1:
        # estimates and image in, ratio out; the state and the ratio in, an estimate and the point out
        return (2 + 2 * job.ratios + 2 * job.carried + 2 * job.weighted) * job.iterations
    return (1 + 2 * job.carried + job.weighted) * -(
        -job.iterations // (half_steps // 2)
    )  # the state and the image in, the state out


def share_moved(candidate: Candidate, whole: int) -> float:
    """Voxels moved per voxel of a block: a file is read in whole pages, of which cut rows use only a part."""
    row, is_cut = candidate.block_shape[-1], candidate.core_shape[-1] < whole
    return min(whole, row + _PAGE) / row if is_cut and candidate.placement == "scratch" else 1.0


def relative_move_cost(placement: Placement, backend: Backend[Any]) -> float:
    """Time to move one voxel, over the time of one transform per voxel and log2(voxels)."""
    return (_MOVE_ON_CPU if backend.facts.on_host else _MOVE_TO_GPU)[placement]


def minimum_bytes(
    voxels: npt.NDArray[np.float64], half_steps: int, backend: Backend[Any], job: Job
) -> npt.NDArray[np.float64]:
    """A lower bound for the bytes that blocks of so many voxels need, whatever the padding of the backend."""
    live = job.live_arrays(backend, half=half_steps == 1)
    return (live.reals + live.spectra) * backend.facts.dtype.itemsize * voxels


def cost_unit(backend: Backend[Any]) -> float:
    """Time of a transform per voxel and log2(voxels), in the backend's own units.

    It is taken at a size that suits every FFT and is large against the time to start one.
    """
    return backend.cost((512, 512, 512)) / (512**3 * 27)
