"""Plans within what is really free: the budgets are probed here, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rlcore.backend import Backend, on_host
from rlcore.budget import Budget, budget_from_free, host_free
from rlcore.errors import BudgetError
from rlcore.planner import FIXED, Budgets, Job, Plan, choose_plan
from rlcore.request import Settings

_SHRINK = 0.6
"""Share of the memory for blocks and volumes that the next plan counts on, after an allocation failed."""

_ANY_DISK = Budget(1 << 62, "disk space, checked before a run")


def plan_within(job: Job, backend: Backend[Any], settings: Settings, *, anywhere: bool = False) -> Plan:
    """The best plan for the memory that is free, or that the caller gave.

    `anywhere` plans for a result outside memory where it does not fit inside.
    """
    budgets = _budgets(backend, settings.memory)
    try:
        return choose_plan(job, backend, budgets, tolerance=settings.error)
    except BudgetError:
        if not (anywhere and job.result_in_memory):
            raise
    return choose_plan(replace(job, result_in_memory=False), backend, budgets, tolerance=settings.error)


def smaller_plan(old: Plan, job: Job, backend: Backend[Any], settings: Settings) -> Plan:
    """A plan that needs less than one that failed."""
    less = Budget(FIXED + int((old.memory_bytes - FIXED) * _SHRINK), "what is left after an allocation failed")
    host = less if old.on_host else old.host_budget
    return choose_plan(job, backend, Budgets(less, host, _ANY_DISK), tolerance=settings.error)


def _budgets(backend: Backend[Any], memory: int | float | str | None) -> Budgets:
    """The device's budget and the host's: one and the same where the device computes in host memory."""
    free, source = host_free()
    if on_host(backend):
        host = budget_from_free(free, source, memory)
        return Budgets(host, host, _ANY_DISK)
    device = budget_from_free(backend.free_bytes(), f"free on {backend.device}", memory)
    return Budgets(device, budget_from_free(free, source, None), _ANY_DISK)
