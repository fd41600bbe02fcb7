"""Checkpoints that outlive their run, until its caller has brought the result to safety."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from rlcore.execution.checkpoint import FIRST_STATE, STATE, Checkpoint, decode_state
from rlcore.execution.durable import read_own
from rlcore.execution.lock import Lock, clear_unfinished

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


def discard(folder: Path) -> bool:
    """Removes the checkpoint of a run whose result is safe, if it is there; returns whether the folder is gone.

    Only what its own state names goes. A file of any other name stays, and the folder with it.

    Raises
    ------
    CheckpointError
        If another process uses it.
    OSError
        If something cannot be removed.
    """
    if not folder.is_dir() or folder.is_symlink():
        return not os.path.lexists(folder)
    lock = Lock(folder)
    try:
        clear_unfinished(folder)
        _discard_content(folder)
    finally:
        lock.release()
    if next(folder.iterdir(), None) is None:
        folder.rmdir()
        return True
    return False


def _discard_content(folder: Path) -> None:
    try:
        found = decode_state(read_own(folder / STATE))
    except FileNotFoundError:
        # killed before its first state was whole, or after its state went as the last of its files
        for path in folder.iterdir():
            if FIRST_STATE.fullmatch(path.name):
                path.unlink()
        return
    except (OSError, ValueError):
        return  # nobody knows what of it is the run's
    unfinished = f"-{found['token']}.new"
    names = {f"{name}.npy" for name in (*found.get("finished", ()), *found.get("volumes", ()))}
    for path in folder.iterdir():
        if path.name in names or path.name.endswith(unfinished):
            path.unlink()
    # the state goes last: killed meanwhile, the rest is still known as the run's
    (folder / STATE).unlink()
