"""Plans within the memory that is really free: budgets are probed here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rlcore.backend import Backend
from rlcore.backend.host.memory import host_free
from rlcore.errors import BudgetError
from rlcore.planner.budget import Budget, budget_from_free
from rlcore.planner.choose import Budgets, choose_plan
from rlcore.planner.plan import Plan
from rlcore.planner.requirements import FIXED, Job

_SHRINK = 0.6
"""Share of the memory for blocks and volumes that the next plan counts on, after an allocation failed."""

_ANY_DISK = Budget(1 << 62, "disk space, checked before a run")


@dataclass(frozen=True, slots=True)
class PlanMaker:
    """Makes the plan of one run, and a smaller one whenever an allocation has failed."""

    job: Job
    backend: Backend[Any]
    memory: int | float | str | None = None
    """The caller's limit, as for `rlcore.deconvolve`."""
    tolerance: float | None = None
    """Error that independent blocks may make; None asks for exact blocks."""

    def best(self, *, anywhere: bool = False) -> Plan:
        """The plan of least predicted time for the memory that is free, or that the caller gave.

        `anywhere` plans for a result outside memory if it does not fit inside.

        Raises
        ------
        BudgetError
            If nothing fits; the message names the smallest memory that would do.
        """
        budgets = self._budgets()
        try:
            return choose_plan(self.job, self.backend, budgets, tolerance=self.tolerance)
        except BudgetError:
            if not (anywhere and self.job.result_in_memory):
                raise
        outside = replace(self.job, result_in_memory=False)
        return choose_plan(outside, self.backend, budgets, tolerance=self.tolerance)

    def smaller(self, failed: Plan) -> Plan:
        """A plan that needs less memory than one that failed."""
        room = FIXED + int((failed.memory_bytes - FIXED) * _SHRINK)
        less = Budget(room, "what is left after an allocation failed")
        host = less if failed.on_host else failed.host_budget
        return choose_plan(self.job, self.backend, Budgets(less, host, _ANY_DISK), tolerance=self.tolerance)

    def changed(self, **properties: Any) -> PlanMaker:
        """A maker of plans for a job with other properties."""
        return replace(self, job=replace(self.job, **properties))

    def _budgets(self) -> Budgets:
        """Budgets of device and host; one budget where the device computes in host memory."""
        free, source = host_free()
        if self.backend.facts.on_host:
            host = budget_from_free(free, source, self.memory)
            return Budgets(host, host, _ANY_DISK)
        device = budget_from_free(self.backend.free_bytes(), f"free on {self.backend.device}", self.memory)
        return Budgets(device, budget_from_free(free, source, None), _ANY_DISK)
