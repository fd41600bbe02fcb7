"""Choosing a plan: a pure function of shapes, a backend's own figures and the budgets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.acceleration import TELLING
from rlcore.backend import Backend, SupportsBufferLimit, SupportsResidence, on_host
from rlcore.budget import Budget, format_bytes
from rlcore.errors import BudgetError
from rlcore.planner.cuts import Ways, halo_for, ways_to_cut
from rlcore.planner.needs import (
    Candidate,
    Job,
    Needs,
    cost_of_call,
    cost_of_whole,
    cost_unit,
    least_bytes,
    least_cost,
    moves,
    needs_of,
    overlaps,
    relative_move_cost,
    shape_of_whole,
    share_moved,
)
from rlcore.planner.plan import Plan, Residence

_HARDLY_BETTER = 1.15
"""Times the least that transforms cost: a whole volume that takes no longer is not cut, as moving blocks takes more."""

_CLEARLY_DEARER = 1.3
"""Times the best cost found so far: what is estimated to cost more is not looked at."""

_LOOKED_AT = 24
"""Candidates per exchange interval whose needs are worked out exactly, best first by estimate."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """What may be used of each kind of memory."""

    device: Budget
    host: Budget
    scratch: Budget | None = None
    """Disk for working volumes; None where they may not go to files."""


def choose_plan(job: Job, backend: Backend[Any], budgets: Budgets, *, tolerance: float | None = None) -> Plan:
    """The plan of least predicted time that fits.

    Parameters
    ----------
    job : Job
        Shapes, boundary and iterations.
    backend : Backend
        Asked for footprints, fast shapes and costs only.
    budgets : Budgets
        Bytes that may be used.
    tolerance : float, optional
        Ask for independent blocks: one sweep with a halo that keeps the error near this share of the maximum.

    Raises
    ------
    BudgetError
        If nothing fits; it names the smallest budget that would do.
    """
    halo_for(job, 2 * job.iterations, tolerance)  # refuses a tolerance that no halo keeps
    whole = _whole(job, backend, budgets)
    best = whole if whole is None else (whole[1].cost, *whole)
    if whole is not None and whole[1].cost <= _HARDLY_BETTER * _least_transforms(job, backend):
        return _plan(*whole, job, backend, budgets, tolerance)
    for half_steps in _intervals(job, tolerance):
        ways = ways_to_cut(job, backend, half_steps, halo_for(job, half_steps, tolerance))
        for residence in _residences(backend, budgets, job):
            if best is not None and best[0] <= least_cost(job, half_steps, residence, backend):
                continue
            bound = math.inf if best is None else _CLEARLY_DEARER * best[0]
            for candidate, needs in _promising(ways, residence, job, backend, budgets, bound):
                if best is None or needs.cost < best[0]:
                    best = needs.cost, candidate, needs
    if best is None:
        raise BudgetError(_refusal(job, backend, budgets, tolerance))
    return _plan(best[1], best[2], job, backend, budgets, tolerance)


def _whole(job: Job, backend: Backend[Any], budgets: Budgets) -> tuple[Candidate, Needs] | None:
    """The whole volume in one block, if it fits."""
    residence = next(_residences(backend, budgets, job), None)
    if residence is None:
        return None
    domain = job.geometry.domain.shape
    candidate = Candidate(shape_of_whole(job.geometry, backend), domain, (0,) * len(domain), 1, residence)
    needs = needs_of(candidate, job, backend)
    return (candidate, needs) if _fits(needs, backend, budgets) else None


def _least_transforms(job: Job, backend: Backend[Any]) -> float:
    """What transforms cost at the very least: of no voxel too many, at the rate of lengths that suit every FFT."""
    least = job.geometry.least_shape
    suits = tuple(1 << round(math.log2(n)) for n in least)
    return 4 * job.iterations * backend.cost(suits) * (math.prod(least) / math.prod(suits))


def _intervals(job: Job, tolerance: float | None) -> Iterator[int]:
    """Half-steps between exchanges that are worth a look: 1, then 2, 4, 8 ... up to all of them.

    1 and 2 alone where blocks have to meet after every iteration, or the run may end after any.
    """
    meet = job.acceleration in TELLING or job.stop == "relative-change"
    most = 2 if meet else 2 * job.iterations
    if tolerance is None:
        yield 1
        steps = 2
        while steps < most:
            yield steps
            steps *= 2
    yield most


def _residences(backend: Backend[Any], budgets: Budgets, job: Job) -> Iterator[Residence]:
    if not job.checkpoint:
        if isinstance(backend, SupportsResidence) and not on_host(backend):
            yield "device"
        yield "host"
    if budgets.scratch is not None:
        yield "scratch"


def _promising(
    ways: Ways, residence: Residence, job: Job, backend: Backend[Any], budgets: Budgets, bound: float
) -> Iterator[tuple[Candidate, Needs]]:
    """Ways to cut that fit, the best few by a rough estimate over all of them; none whose estimate is over the bound.

    The estimate takes every length for one that the FFT does well, so it is rarely too high.
    """
    room = budgets.host.bytes if on_host(backend) else budgets.device.bytes
    possible = np.flatnonzero(least_bytes(ways.voxels, ways.half_steps, backend, job) <= room)
    move = relative_move_cost(residence, backend) * moves(ways.half_steps, job)
    rough = 4 * job.iterations * np.log2(ways.voxels[possible] + 1) + np.where(
        ways.blocks[possible] > 1, move * _shares_moved(ways, residence)[possible], 0
    )
    rough *= cost_unit(backend) * ways.voxels[possible] * ways.blocks[possible]
    best_first = np.argsort(rough, kind="stable")
    order = possible[best_first[rough[best_first] <= bound]]
    smallest = ways.candidate(int(np.argmin(ways.voxels)), residence)
    if not len(order) or not _fits(needs_of(smallest, job, backend), backend, budgets):
        return
    found = 0
    for seen, flat in enumerate(order):
        candidate = ways.candidate(int(flat), residence)
        needs = needs_of(candidate, job, backend)
        if _fits(needs, backend, budgets):
            found += 1
            yield candidate, needs
        if found and seen >= _LOOKED_AT:
            return


def _shares_moved(ways: Ways, residence: Residence) -> npt.NDArray[np.float64]:
    """`share_moved` of every combination: it depends on the last axis alone, which varies fastest."""
    last = [share_moved(ways.candidate(flat, residence), ways.domain[-1]) for flat in range(len(ways.lengths[-1]))]
    return np.resize(last, ways.voxels.shape)


def _fits(needs: Needs, backend: Backend[Any], budgets: Budgets) -> bool:
    if isinstance(backend, SupportsBufferLimit) and needs.largest_buffer > backend.buffer_limit():
        return False
    if needs.scratch > (budgets.scratch.bytes if budgets.scratch else 0):
        return False
    if on_host(backend):
        return needs.device + needs.host <= budgets.host.bytes
    return needs.device <= budgets.device.bytes and needs.host <= budgets.host.bytes


def _plan(
    candidate: Candidate, needs: Needs, job: Job, backend: Backend[Any], budgets: Budgets, tolerance: float | None
) -> Plan:
    geometry, blocks = job.geometry, candidate.blocks(job.geometry.domain.shape)
    call = cost_of_call(needs.cost, candidate.residence if blocks > 1 else None, geometry, backend)
    return Plan(
        geometry=geometry,
        iterations=job.iterations,
        backend=backend.name,
        device=backend.device,
        on_host=on_host(backend),
        block_shape=candidate.block_shape,
        keep_shape=candidate.keep_shape,
        halo=candidate.halo,
        half_steps=candidate.half_steps,
        residence=candidate.residence,
        overlap=overlaps(backend, job, blocks),
        device_bytes=needs.device,
        device_budget=budgets.device,
        host_bytes=needs.host,
        host_budget=budgets.host,
        scratch_bytes=needs.scratch,
        overhead=call / cost_of_whole(geometry, job.iterations, backend) - 1,
        tolerance=tolerance if blocks > 1 else None,
        acceleration=job.acceleration,
        regularization=job.regularization,
        stop=job.stop,
    )


def _refusal(job: Job, backend: Backend[Any], budgets: Budgets, tolerance: float | None) -> str:
    """One sentence with the smallest budget that would do."""
    options = [
        needs_of(ways.candidate(int(np.argmin(ways.voxels)), residence), job, backend)
        for steps in _intervals(job, tolerance)
        for ways in [ways_to_cut(job, backend, steps, halo_for(job, steps, tolerance))]
        for residence in _residences(backend, budgets, job)
    ]
    if on_host(backend):
        least, given = min(n.device + n.host for n in options), budgets.host
    elif min(n.device for n in options) > budgets.device.bytes:
        least, given = min(n.device for n in options), budgets.device
    else:
        least, given = min(n.host for n in options), budgets.host
    if least > given.bytes:
        return f"memory {given} is too little for this volume; the smallest that would do is {format_up(least)}"
    disk = min(n.scratch for n in options)
    return f"disk space is too little for the working volumes, which need {format_bytes(disk)}; give a larger memory"


def format_up(count: int) -> str:
    """Bytes for people, rounded up, so that what the message names really does."""
    step = 1 << 20
    return f"{math.ceil(count / step)} MiB"
