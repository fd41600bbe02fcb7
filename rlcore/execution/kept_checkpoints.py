"""Checkpoints that outlive their run, until its caller has brought the result to safety."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rlcore.execution.checkpoint import Checkpoint

_KEPT: ContextVar[list[Checkpoint] | None] = ContextVar("rlcore_kept_checkpoints", default=None)


@contextmanager
def keep_checkpoints() -> Iterator[list[Checkpoint]]:
    """Within it, a run that finishes keeps its checkpoint; the caller removes those listed once it needs them no more.

    A run writes its result to an array. Only the caller knows when that is on the disk, under the name that it is to
    have; until then the checkpoint is all that is left of the run if the power fails.
    """
    kept: list[Checkpoint] = []
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


def release_checkpoint(checkpoint: Checkpoint) -> None:
    """Removes the checkpoint of a finished run, or hands it to the caller that wants to keep it."""
    kept = _KEPT.get()
    if kept is None:
        checkpoint.remove()
    else:
        kept.append(checkpoint)
