"""Holders of locks and files: which process made them, and whether it is known to run or to have ended."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

LONGEST = 1 << 16
"""Bytes of a file with a holder that are read; the paths that it may name have less than half of that."""
_MACHINE, _BOOT = "/etc/machine-id", "/proc/sys/kernel/random/boot_id"
_LARGEST = 1 << 31
"""Numbers of processes are smaller; systems refuse larger ones with errors of their own."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process, as files that it has made describe it. Whatever is not known of it counts in its favour."""

    host: str = field(default_factory=platform.node)
    machine: str = field(default_factory=lambda: _text(_MACHINE))
    """Tells apart hosts of one name, such as "localhost"; empty where it is not known."""
    boot: str = field(default_factory=lambda: _text(_BOOT))
    """Changes when the host starts again; empty where it is not known."""
    space: str = field(default_factory=lambda: _space())
    """Numbers of processes are counted apart in each container; empty where it is not known."""
    pid: int = field(default_factory=os.getpid)
    start: str = field(default_factory=lambda: start_of(os.getpid()) or "")
    """Start of the process, since its number may be given to another one later; empty where it is not known."""
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S"))

    @classmethod
    def parse(cls, text: str | bytes) -> Self | None:
        """Returns the holder that a file describes; None if it is no such file."""
        try:
            found: dict[str, Any] = json.loads(text)
            holder = cls(**{each.name: found[each.name] for each in fields(cls)})
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        typed = all(type(getattr(holder, each.name)).__name__ == each.type for each in fields(cls))
        return holder if typed and 0 < holder.pid < _LARGEST and _MOMENT.fullmatch(holder.since) else None

    @property
    def gone(self) -> bool:
        """True if the process is known to have ended."""
        now = self._start_now()
        return now is None or bool(now and self.start and now != self.start)

    @property
    def runs(self) -> bool:
        """True if the process is known to run."""
        return bool(self.start) and self._start_now() == self.start

    def __str__(self) -> str:
        elsewhere = self.space and self.boot and self.boot == _text(_BOOT) and self.space != _space()
        container = " in another container" if elsewhere else ""
        return f"process {self.pid}{container} on host {self.host!r}, since {self.since}"

    def _start_now(self) -> str | None:
        """Returns the start of the process that has its number now: None if there is none, empty if it is not known."""
        if (self.host, self.machine) != (platform.node(), _text(_MACHINE)):
            return ""
        if self.boot != (boot := _text(_BOOT)):
            return None if self.boot and boot else ""
        return start_of(self.pid) if self.space and self.space == _space() else ""


def start_of(pid: int) -> str | None:
    """Returns a text that no other process of this number has had since the host was started.

    None if there is no such process; empty if there may be one whose start is not known.
    """
    if sys.platform == "win32":
        return _start_on_windows(pid)
    if _proc_is_ours():
        # the name of the program, in parentheses, may hold blanks
        state, *others = _text(f"/proc/{pid}/stat").rpartition(")")[2].split() or [""]
        if others:
            return None if state in "ZX" else others[18]  # a zombie has ended, though it has an entry
    # without an entry it may still run: systems can hide the processes of other users
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return "" if sys.platform == "linux" else _start_by_ps(pid)


def _start_by_ps(pid: int) -> str | None:
    # the language and the time zone of a user would give the same start other texts
    plain = os.environ | {"LC_ALL": "C", "TZ": "UTC0"}
    command = ["ps", "-o", "state=", "-o", "lstart=", "-p", str(pid)]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, env=plain, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    state, _, start = said.strip().partition(" ")
    return None if state.startswith("Z") else start.strip()


def _start_on_windows(pid: int) -> str | None:
    import ctypes

    # never `os.kill(pid, 0)`, which ends the process here
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    synchronize, timeout, denied = 0x00100000, 0x102, 5
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return "" if kernel.GetLastError() == denied else None
    try:
        return "" if kernel.WaitForSingleObject(handle, 0) == timeout else None
    finally:
        kernel.CloseHandle(handle)


def _proc_is_ours() -> bool:
    """Returns whether /proc counts processes as this one does; a container may show that of its host."""
    return _target("/proc/self") == str(os.getpid())


def _space() -> str:
    if sys.platform != "linux":
        return "all"  # processes of the whole host are counted together
    # clocks may differ between containers too, and with them the start of a process; older systems have one for all
    numbers, clock = (_target(f"/proc/self/ns/{kind}") for kind in ("pid", "time"))
    return numbers and f"{numbers} {clock}"


def _target(link: str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return ""
