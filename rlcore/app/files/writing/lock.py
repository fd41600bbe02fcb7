"""Locks: a file that is made exclusively says which process writes an output or a checkpoint."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rlcore.app.files.remote.url import Location
from rlcore.app.files.writing.owner import Owner
from rlcore.errors import OutputError
from rlcore.execution.durable import open_regular
from rlcore.execution.holder import LONGEST

try:
    import fcntl
except ImportError:  # there is none on Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "lock."
"""Beginning of the names of locks that are not complete yet."""


class Lock:
    """A lock that this process holds until it is released.

    Parameters
    ----------
    path : Path
        The lock. The first process to make it has it; one whose process has ended on this host is taken over.
    near : Path
        Folder on the same file system, of this run, for the lock until it is complete.
    owner : Owner
        This process.
    what : str
        Thing that is locked, for messages, such as ``output 'a.tif'``.
    force : bool
        Take a lock over whose process runs on another host, where nobody here knows whether it still does.

    Raises
    ------
    OutputError
        If another process holds it.
    """

    def __init__(self, path: Path, near: Path, owner: Owner, what: str, *, force: bool = False) -> None:
        self.path, self._owner = path, owner
        # complete before it has its name: a kill never leaves a lock that does not say whose it is
        handle, name = tempfile.mkstemp(prefix=LOCK, dir=near)
        made = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                made.chmod(0o644)  # others, too, are to read who holds it
                file.write(owner.to_json())
            while not _linked(made, path):
                with _opened(path) as held:
                    if held is not None:
                        refuse_held(path, Owner.parse(held.read(LONGEST)), what, force)
                        made.replace(path)
                        return
        finally:
            made.unlink(missing_ok=True)

    @property
    def held(self) -> bool:
        """True if the lock is still this run's; false once another has taken it by force."""
        with _opened(self.path) as file:
            return file is not None and Owner.parse(file.read(LONGEST)) == self._owner

    def release(self) -> None:
        """Removes the lock, unless another run has taken it by force."""
        remove_lock(self.path, self._owner)


def _linked(made: Path, path: Path) -> bool:
    """Gives a complete lock its name, and returns whether the name was free."""
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:
        # a file system without links: exclusive, but not complete at once
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(made.read_text("utf-8"))
        except FileExistsError:
            return False
    return True


def refuse_held(path: Location, holder: Owner | None, what: str, force: bool) -> None:
    """Raises OutputError unless a lock with this content may be taken over."""
    if holder is not None and holder.gone:
        return
    if holder is not None and holder.runs:
        # never by force: this host knows that it runs
        raise OutputError(f"{what} is being written by {holder}; wait for it, or stop it")
    if force:
        return
    if holder is None:
        raise OutputError(
            f"{what} is locked by {str(path)!r}, which does not say for whom; give --force-unlock if no other run "
            "writes it"
        )
    raise OutputError(f"{what} is being written by {holder}; wait for it, or give --force-unlock if it has ended")


def remove_lock(path: Path, owner: Owner) -> bool:
    """Removes a lock if it is this owner's, and returns whether it was."""
    with _opened(path) as file:
        ours = file is not None and Owner.parse(file.read(LONGEST)) == owner
        if ours:
            path.unlink()
    return ours


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | None]:
    """Opens a lock while no other process changes it; yields None if it is gone."""
    try:
        # a link is none of ours, nor is a pipe, which would be waited for
        handle = open_regular(path)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise OutputError(f"lock {str(path)!r} cannot be opened: {error.strerror}; move it away") from error
    with os.fdopen(handle, "rb") as file:
        # two processes that find one stale lock must not both take it: the second finds the first's text in it
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without such locks: the moment is short
                fcntl.flock(file, fcntl.LOCK_EX)
        try:
            same = os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
        except FileNotFoundError:
            same = False
        yield file if same else None
