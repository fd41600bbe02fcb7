"""How the volume is cut, decided before anything runs."""

from rlcore.planner.choose import Budgets, choose_plan
from rlcore.planner.needs import FIXED, Job
from rlcore.planner.plan import Plan

__all__ = ["FIXED", "Budgets", "Job", "Plan", "choose_plan"]
