"""The lock of a folder: a file in it that says which process uses it, so that no second one does."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rlcore.errors import CheckpointError
from rlcore.execution.durable import read_own, write_whole

_NAME = re.compile(r"lock-[0-9a-f]{16}\.json")
_UNFINISHED = re.compile(r"lock-[0-9a-f]{16}-[0-9a-f]{16}\.new")
_TRIES = 5
"""Two processes that come at the same moment both step back, and one of them is first when they come again."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that uses a folder."""

    host: str = field(default_factory=socket.gethostname)
    boot: str = field(default_factory=lambda: _text("/proc/sys/kernel/random/boot_id"))
    """Changes when the host starts again; empty where it is not known."""
    space: str = field(default_factory=lambda: _space())
    """Numbers of processes are counted apart in each container; empty where it is not known."""
    pid: int = field(default_factory=os.getpid)
    start: str = field(default_factory=lambda: _start(os.getpid()) or "")
    """Start of the process, since its number may be given to another one later."""
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S"))

    @classmethod
    def read(cls, path: Path) -> Holder | None:
        """The holder that a lock names; None if it names none."""
        try:
            found = json.loads(read_own(path))
            return cls(pid=int(found["pid"]), **{key: str(found[key]) for key in _TEXTS})
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def gone(self) -> bool:
        """True if the process is known to have ended, which is never known of another host's."""
        ours = Holder()
        if self.host != ours.host:
            return False
        if self.boot != ours.boot:
            return True
        return self.space == ours.space and _start(self.pid) != (self.start or None)

    def __str__(self) -> str:
        return f"process {self.pid} on host {self.host!r} since {self.since}"


_TEXTS = ("host", "boot", "space", "start", "since")


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
                holder = Holder.read(path)
                if holder is None or not holder.gone:
                    who = "a process that its lock does not name" if holder is None else str(holder)
                    return (
                        f"checkpoint {str(folder)!r} is in use by {who}; wait for it or, if it runs no more, delete "
                        f"{str(path)!r}"
                    )
                path.unlink()
        return None


def is_lock(name: str) -> bool:
    """True if a file of this name is a lock, or one that was never finished."""
    return bool(_NAME.fullmatch(name) or _UNFINISHED.fullmatch(name))


def clear_unfinished(folder: Path) -> None:
    """Remove locks that were never finished; for the holder of the folder."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _start(pid: int) -> str | None:
    """A text that no other process of this number has had since the host was started; None if there is no such process.

    Where it cannot be known it is empty.
    """
    if sys.platform == "win32":
        return _start_on_windows(pid)
    if Path("/proc/self/stat").exists():
        # the name of the program, in parentheses, may hold blanks
        state, *others = _text(f"/proc/{pid}/stat").rpartition(")")[2].split() or ["Z"]
        return None if state in "ZX" else others[18]  # a zombie has ended, though it has an entry
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def _start_on_windows(pid: int) -> str | None:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    synchronize, timeout, denied = 0x00100000, 0x102, 5
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return "" if kernel.GetLastError() == denied else None
    try:
        return "" if kernel.WaitForSingleObject(handle, 0) == timeout else None
    finally:
        kernel.CloseHandle(handle)


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
