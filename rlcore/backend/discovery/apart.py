"""Backends asked in processes of their own, so that none that hangs or crashes takes the program with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from rlcore.backend import Device
from rlcore.backend.discovery.patience import remember
from rlcore.backend.discovery.plugins import claimed, owners
from rlcore.backend.discovery.registry import BACKENDS, Finding, ask

_CODE = """\
import json, sys
name, answer, sys.path[:] = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
from rlcore.backend.discovery.apart import answer_to
answer_to(name, answer)
"""
"""Program of the process: not multiprocessing, which would run the caller's script again."""

_LONGEST = 1 << 20
"""Bytes of an answer that are read."""


def ask_apart(name: str, entries: list[EntryPoint], seconds: float) -> Finding:
    """Returns the answer of one backend, asked in a process of its own that is ended after so many seconds.

    Parameters
    ----------
    name : str
        Name that it is registered under.
    entries : list of EntryPoint
        All entry points that claim the name.
    seconds : float
        Time from the start of the process to its answer.
    """
    by = owners(entries)
    if len(entries) > 1:
        return Finding(name, "ambiguous", by, reason=claimed(entries))
    with tempfile.TemporaryDirectory(prefix="rlcore-survey-", ignore_cleanup_errors=True) as folder:
        answer = Path(folder) / "answer.json"
        code = _run([sys.executable, "-c", _CODE, name, str(answer), json.dumps(sys.path)], seconds)
        called = BACKENDS.called(entries[0])
        if code is None:
            remember(called, seconds)
            return Finding(name, "broken", by, reason=f"{called} gave no answer within {seconds:g} s")
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            with answer.open("rb") as stream:
                found = json.loads(stream.read(_LONGEST))
            devices = tuple(Device(**device) for device in found.pop("devices"))
            return Finding(**{**found, "devices": devices, "name": name, "distribution": by})
        return Finding(name, "broken", by, reason=f"{called} ended its process {_manner(code)}")


def answer_to(name: str, answer: str) -> None:
    """Asks a backend in this process, and writes what was found to the file `answer`."""
    [finding] = [ask(name, entries) for other, entries in BACKENDS.by_name() if other == name]
    # under another name first: a process may be ended while it writes
    partial = Path(answer + ".part")
    partial.write_text(json.dumps(asdict(finding), default=str))
    partial.replace(answer)
    # threads that a backend left running, and what it does at exit, are of no interest any more
    os._exit(0)


def _run(command: list[str], seconds: float) -> int | None:
    """Returns the exit code of a process whose output is dropped; None if it had to be ended."""
    # a session of its own, so that processes started by the backend end with it
    options: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, **options) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _manner(code: int) -> str:
    """Returns how a process ended."""
    if code >= 0:
        return f"with exit code {code} and gave no answer"
    with contextlib.suppress(ValueError):
        return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}"
