"""Executors, which run the blocks of a sweep.

An executor decides where and in which order blocks are loaded, computed and saved; the engine decides what is done to
them. So another executor (several devices, workers of a cluster) needs no change of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from rlcore.backend.boxes import Block

NumberedBlock = tuple[int, Block]
"""A block and its number within the sweep, from 1."""


@dataclass(frozen=True, slots=True)
class BlockWork:
    """The three stages of the work on each block of a sweep."""

    load: Callable[[NumberedBlock], tuple[Any, ...]]
    """Brings to the device what `compute` takes."""
    compute: Callable[..., tuple[Any, ...]]
    """Takes the numbered block and what `load` returned, and returns arrays."""
    save: Callable[[tuple[Any, ...], NumberedBlock], None]
    """Brings the computed arrays to their volumes."""


class Executor(Protocol):
    """Runs the work on all blocks of a sweep."""

    def run(self, work: BlockWork, blocks: Iterator[NumberedBlock]) -> None:
        """Load, compute and save every block; returns when all are saved, or raises the first error."""
        ...
