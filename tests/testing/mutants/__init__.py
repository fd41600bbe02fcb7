"""Backends that are wrong in one respect each, and the tests that have to notice, and no others.

A wrong law shows in the whole algorithm too: such consequences are named with it.
"""

from tests.testing.mutants import (
    arithmetic,
    devices,
    fusion,
    looks,
    options,
    outputs,
    planning,
    runs,
    streams,
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
    "fusion",
    "looks",
    "options",
    "outputs",
    "planning",
    "runs",
    "streams",
    "transfers",
    "transforms",
    "volumes",
]
