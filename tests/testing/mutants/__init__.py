"""Backends that are wrong in one respect each, with the tests that have to fail on them.

A wrong operation affects whole restorations too; such consequences are named with it.
"""

from tests.testing.mutants import (
    arithmetic,
    devices,
    outputs,
    planning,
    regularization,
    runs,
    steps,
    streams,
    sums,
    transfers,
    transforms,
    volumes,
)
from tests.testing.mutants.marks import BLOCKS, MUTANTS, TRUTH

__all__ = [
    "BLOCKS",
    "MUTANTS",
    "TRUTH",
    "arithmetic",
    "devices",
    "outputs",
    "planning",
    "regularization",
    "runs",
    "steps",
    "streams",
    "sums",
    "transfers",
    "transforms",
    "volumes",
]
