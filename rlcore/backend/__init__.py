"""Backends: the contract that their authors implement, what rlcore brings for them, and how they are found.

Authors import everything they need from here, from `rlcore.backend.kit`, `rlcore.backend.host` and
`rlcore.backend.formulas`, and from `rlcore.errors`.
"""

from rlcore.backend.boxes import Box, Shape, runs
from rlcore.backend.contract import A, Backend, Interchange, Streams, overrides
from rlcore.backend.facts import (
    Device,
    Facts,
    Fit,
    Footprint,
    InnerProducts,
    IterationOptions,
    LiveArrays,
    Summary,
    Volume,
)

__all__ = [
    "A",
    "Backend",
    "Box",
    "Device",
    "Facts",
    "Fit",
    "Footprint",
    "InnerProducts",
    "Interchange",
    "IterationOptions",
    "LiveArrays",
    "Shape",
    "Streams",
    "Summary",
    "Volume",
    "overrides",
    "runs",
]
