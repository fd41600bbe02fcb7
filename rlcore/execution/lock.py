"""The lock of a folder: a file in it that says which process uses it, so that no second one does."""

from __future__ import annotations

import contextlib
import json
import random
import re
import secrets
import time
from dataclasses import asdict
from pathlib import Path

from rlcore.errors import CheckpointError
from rlcore.execution.durable import read_own, write_whole
from rlcore.execution.holder import LONGEST, Holder

_NAME = re.compile(r"lock-[0-9a-f]{16}\.json")
_UNFINISHED = re.compile(r"lock-[0-9a-f]{16}-[0-9a-f]{16}\.new")
_TRIES = 5
"""Two processes that come at the same moment both step back, and one of them is first when they come again."""


class Lock:
    """The right to use a folder, held by one process until it is released or the process has ended.

    Each process makes a file of its own, and then looks for those of others: of two that come together at least one
    finds the other's. So nothing depends on who removes a lock that a dead process has left.

    Raises
    ------
    CheckpointError
        If another process holds it.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        for left in reversed(range(_TRIES)):
            self._path = folder / f"lock-{secrets.token_hex(8)}.json"
            text = json.dumps(asdict(Holder()))
            try:
                write_whole(self._path, text.encode(), secrets.token_hex(8))
                other = self._other(folder)
            except FileNotFoundError:
                continue  # another process cleared it away, which holds the lock now or has removed the folder
            except BaseException:
                self.release()
                raise
            if other is None:
                return
            self.release()
            if left:
                time.sleep(random.uniform(0, 0.03))
            else:
                raise CheckpointError(other)
        raise CheckpointError(f"checkpoint {str(folder)!r} is being used by another process; wait for it")

    def release(self) -> None:
        """Give the folder free."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _other(self, folder: Path) -> str | None:
        """Says who else holds the folder; locks of processes that have ended are removed."""
        for path in folder.iterdir():
            if not _NAME.fullmatch(path.name) or path == self._path:
                continue
            with contextlib.suppress(FileNotFoundError):
                holder = _holder(path)
                if holder is None or not holder.gone:
                    who = "a process that its lock does not name" if holder is None else str(holder)
                    return (
                        f"checkpoint {str(folder)!r} is in use by {who}; wait for it or, if it runs no more, delete "
                        f"{str(path)!r}"
                    )
                path.unlink()
        return None


def unlock(folder: Path) -> None:
    """Gives a folder free whose holders are said to have ended; one that is known to run keeps its lock."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            if _NAME.fullmatch(path.name) and ((holder := _holder(path)) is None or not holder.runs):
                path.unlink()


def is_lock(name: str) -> bool:
    """True if a file of this name is a lock, or one that was never finished."""
    return bool(_NAME.fullmatch(name) or _UNFINISHED.fullmatch(name))


def clear_unfinished(folder: Path) -> None:
    """Remove locks that were never finished; for the holder of the folder."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _holder(path: Path) -> Holder | None:
    """Returns the holder that a lock names; None if it names none."""
    try:
        return Holder.parse(read_own(path, most=LONGEST))
    except FileNotFoundError:
        raise
    except OSError:
        return None
