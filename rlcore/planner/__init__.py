"""Plans: how a volume is cut and what that needs, decided before anything runs."""

from rlcore.planner.choose import Budgets, choose_plan
from rlcore.planner.plan import Plan
from rlcore.planner.requirements import FIXED, Job

__all__ = ["FIXED", "Budgets", "Job", "Plan", "choose_plan"]
