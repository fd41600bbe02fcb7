"""Choosing a plan: a pure function of shapes, a backend's own figures and the budgets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.algorithm.acceleration import ADAPTIVE
from rlcore.backend import Backend, overrides
from rlcore.backend.host.memory import format_bytes
from rlcore.errors import BudgetError
from rlcore.planner.budget import Budget
from rlcore.planner.candidates import Candidates, candidates_of, halo_for
from rlcore.planner.plan import Placement, Plan
from rlcore.planner.requirements import (
    Candidate,
    Job,
    Requirements,
    cost_of_call,
    cost_of_whole,
    cost_unit,
    minimum_bytes,
    minimum_cost,
    moves,
    overlaps,
    relative_move_cost,
    requirements_of,
    shape_of_whole,
    share_moved,
)

_HARDLY_BETTER = 1.15
"""Multiple of the lowest cost of transforms up to which a whole volume is not cut, since moving blocks costs more."""

_CLEARLY_DEARER = 1.3
"""Multiple of the best cost found so far beyond which a candidate's estimate rules it out."""

_EXAMINED = 24
"""Candidates per exchange interval whose requirements are computed exactly, best first by estimate."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """Bytes that may be used of each kind of memory."""

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
        tilings = candidates_of(job, backend, half_steps, halo_for(job, half_steps, tolerance))
        for placement in _placements(backend, budgets, job):
            if best is not None and best[0] <= minimum_cost(job, half_steps, placement, backend):
                continue
            bound = math.inf if best is None else _CLEARLY_DEARER * best[0]
            for candidate, requirements in _promising(tilings, placement, job, backend, budgets, bound):
                if best is None or requirements.cost < best[0]:
                    best = requirements.cost, candidate, requirements
    if best is None:
        raise BudgetError(_refusal(job, backend, budgets, tolerance))
    return _plan(best[1], best[2], job, backend, budgets, tolerance)


def _whole(job: Job, backend: Backend[Any], budgets: Budgets) -> tuple[Candidate, Requirements] | None:
    """The whole volume in one block, if it fits."""
    placement = next(_placements(backend, budgets, job), None)
    if placement is None:
        return None
    domain = job.geometry.domain.shape
    candidate = Candidate(shape_of_whole(job.geometry, backend), domain, (0,) * len(domain), 1, placement)
    requirements = requirements_of(candidate, job, backend)
    return (candidate, requirements) if _fits(requirements, backend, budgets) else None


def _least_transforms(job: Job, backend: Backend[Any]) -> float:
    """A lower bound for the cost of transforms: no padding, and lengths that suit every FFT."""
    least = job.geometry.minimum_shape
    suits = tuple(1 << round(math.log2(n)) for n in least)
    return 4 * job.iterations * backend.cost(suits) * (math.prod(least) / math.prod(suits))


def _intervals(job: Job, tolerance: float | None) -> Iterator[int]:
    """Half-steps between exchanges that are considered: 1, then 2, 4, 8 ... up to all of them.

    Only 1 and 2 if blocks have to exchange sums after every iteration, or the run may end after any.
    """
    meet = job.acceleration in ADAPTIVE or job.stop == "relative-change"
    most = 2 if meet else 2 * job.iterations
    if tolerance is None:
        yield 1
        steps = 2
        while steps < most:
            yield steps
            steps *= 2
    yield most


def _placements(backend: Backend[Any], budgets: Budgets, job: Job) -> Iterator[Placement]:
    if not job.checkpoint:
        if overrides(backend, "cut", "paste") and not backend.facts.on_host:
            yield "device"
        yield "host"
    if budgets.scratch is not None:
        yield "scratch"


def _promising(
    tilings: Candidates, placement: Placement, job: Job, backend: Backend[Any], budgets: Budgets, bound: float
) -> Iterator[tuple[Candidate, Requirements]]:
    """The best few candidates that fit, by a rough estimate of all of them that stays below the bound.

    The estimate takes every length for one that suits the FFT, so it is rarely too high.
    """
    room = budgets.host.bytes if backend.facts.on_host else budgets.device.bytes
    possible = np.flatnonzero(minimum_bytes(tilings.voxels, tilings.half_steps, backend, job) <= room)
    move = relative_move_cost(placement, backend) * moves(tilings.half_steps, job)
    rough = 4 * job.iterations * np.log2(tilings.voxels[possible] + 1) + np.where(
        tilings.blocks[possible] > 1, move * _shares_moved(tilings, placement)[possible], 0
    )
    rough *= cost_unit(backend) * tilings.voxels[possible] * tilings.blocks[possible]
    best_first = np.argsort(rough, kind="stable")
    order = possible[best_first[rough[best_first] <= bound]]
    smallest = tilings.candidate(int(np.argmin(tilings.voxels)), placement)
    if not len(order) or not _fits(requirements_of(smallest, job, backend), backend, budgets):
        return
    found = 0
    for seen, flat in enumerate(order):
        candidate = tilings.candidate(int(flat), placement)
        requirements = requirements_of(candidate, job, backend)
        if _fits(requirements, backend, budgets):
            found += 1
            yield candidate, requirements
        if found and seen >= _EXAMINED:
            return


def _shares_moved(tilings: Candidates, placement: Placement) -> npt.NDArray[np.float64]:
    """`share_moved` of every combination: it depends on the last axis alone, which varies fastest."""
    last = [
        share_moved(tilings.candidate(flat, placement), tilings.domain[-1]) for flat in range(len(tilings.lengths[-1]))
    ]
    return np.resize(last, tilings.voxels.shape)


def _fits(requirements: Requirements, backend: Backend[Any], budgets: Budgets) -> bool:
    limit = backend.facts.buffer_limit
    if limit is not None and requirements.largest_buffer > limit:
        return False
    if requirements.scratch > (budgets.scratch.bytes if budgets.scratch else 0):
        return False
    if backend.facts.on_host:
        return requirements.device + requirements.host <= budgets.host.bytes
    return requirements.device <= budgets.device.bytes and requirements.host <= budgets.host.bytes


def _plan(
    candidate: Candidate,
    requirements: Requirements,
    job: Job,
    backend: Backend[Any],
    budgets: Budgets,
    tolerance: float | None,
) -> Plan:
    geometry, blocks = job.geometry, candidate.blocks(job.geometry.domain.shape)
    call = cost_of_call(requirements.cost, candidate.placement if blocks > 1 else None, geometry, backend)
    return Plan(
        geometry=geometry,
        iterations=job.iterations,
        backend=backend.name,
        device=backend.device,
        on_host=backend.facts.on_host,
        block_shape=candidate.block_shape,
        core_shape=candidate.core_shape,
        halo=candidate.halo,
        half_steps=candidate.half_steps,
        placement=candidate.placement,
        overlap=overlaps(backend, job, blocks),
        device_bytes=requirements.device,
        device_budget=budgets.device,
        host_bytes=requirements.host,
        host_budget=budgets.host,
        scratch_bytes=requirements.scratch,
        overhead=call / cost_of_whole(geometry, job.iterations, backend) - 1,
        tolerance=tolerance if blocks > 1 else None,
        acceleration=job.acceleration,
        regularization=job.regularization,
        stop=job.stop,
        weighted=job.weighted,
    )


def _refusal(job: Job, backend: Backend[Any], budgets: Budgets, tolerance: float | None) -> str:
    """One sentence with the smallest budget that would do."""
    options = [
        requirements_of(tilings.candidate(int(np.argmin(tilings.voxels)), placement), job, backend)
        for steps in _intervals(job, tolerance)
        for tilings in [candidates_of(job, backend, steps, halo_for(job, steps, tolerance))]
        for placement in _placements(backend, budgets, job)
    ]
    if backend.facts.on_host:
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
    """Bytes for messages, rounded up, so that the budget that a message names suffices."""
    step = 1 << 20
    return f"{math.ceil(count / step)} MiB"
