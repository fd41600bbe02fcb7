"""Owners of work folders and locks: which process made them, and whether it still runs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

_UNKNOWN = "unknown"
"""Start of any process, where the system is not asked: it counts as running until it is said to have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process that writes an output, as `owner.json` and locks describe it."""

    output: str
    """Name of the output, without its folder."""
    folder: str = ""
    """Name of the work folder; tells apart two runs of one process."""
    host: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)
    started: str = field(default_factory=lambda: start_of(os.getpid()))
    """Start of the process, since its number may be given to another one later."""
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S"))
    version: str = field(default_factory=lambda: version("rlcore"))
    checkpoint: str = ""
    """Folder of the run log that resumes from this work folder; empty if none does."""
    run: str = ""
    """Identifier in that run log."""
    ended: bool = False
    """True if the run has ended and left something on purpose, though its process may go on."""
    finished: bool = False
    """True if the work folder holds a complete result that could not be given its name."""

    @classmethod
    def parse(cls, text: str | bytes) -> Owner | None:
        """Returns the owner that a file describes; None if it is no such file."""
        try:
            found: dict[str, Any] = json.loads(text)
            owner = cls(**{each.name: found[each.name] for each in fields(cls)})
        except (ValueError, KeyError, TypeError):
            return None
        return owner if all(type(getattr(owner, f.name)).__name__ == f.type for f in fields(cls)) else None

    def to_json(self) -> str:
        """Returns the text of `owner.json`."""
        return json.dumps(asdict(self), indent=1)

    @property
    def here(self) -> bool:
        """True if the process ran on this host, so that this host knows whether it still runs."""
        return self.host == platform.node()

    @property
    def runs(self) -> bool:
        """True if the process is known to run."""
        return self.here and self.started != _UNKNOWN and not self.gone

    @property
    def gone(self) -> bool:
        """True if the process is known to have ended; of another host that is not known."""
        return self.ended or (self.here and start_of(self.pid) != self.started)

    def __str__(self) -> str:
        return f"process {self.pid} on host {self.host!r}, since {self.since}"


def start_of(pid: int) -> str:
    """Returns a text that no other process with this number has; empty if no such process runs."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # the name of the program, in parentheses, may contain blanks; a zombie has ended, though it has an entry
            state, *others = status.read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return ""
        # ticks are counted from the start of the system, so after a restart another process may have the same
        boot = Path("/proc/sys/kernel/random/boot_id")
        return "" if state == "Z" else f"{boot.read_text().strip() if boot.exists() else ''} {others[18]}"
    if os.name == "posix":
        said = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return said.stdout.strip()
    return _UNKNOWN
