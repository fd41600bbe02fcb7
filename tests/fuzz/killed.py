"""Runs killed before an operation on a file: forks of a process that has imported everything and started no thread."""

import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.program import LIMIT, Ended, environment

_CODE = """\
import sys
from fuzz.killed import serve
serve()
"""
_OPERATIONS = (
    "open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "posix_fallocate", "link", "scandir",
    "utime", "ftruncate", "truncate",
)  # fmt: skip
_LATE = (
    "scipy.fft", "tifffile", "yaozarrs.v05", "zarr.codecs", "rlcore.app.restore", "rlcore.backend.numpy_backend",
)  # fmt: skip
"""Modules that a run imports late."""


class Forks:
    """Runs entries, each in a fork that is killed before its operation of a number."""

    def __init__(self):
        self._process = None

    def run(self, entry, *arguments, at=0):
        """Runs "main" or "library" with arguments.

        Returns how it ended, None if it was killed before operation `at`, and the number of its operations.
        """
        if self._process is None:
            command, pipe = [sys.executable, "-W", "ignore", "-c", _CODE], subprocess.PIPE
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True
            )
        self._process.stdin.write(json.dumps([entry, at, *map(str, arguments)]).encode() + b"\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], LIMIT)[0]:
            self.close()
            return Ended(None, "", f"no end within {LIMIT:g} s"), 0
        killed, code, error, count = json.loads(self._process.stdout.readline())
        return None if killed else Ended(code, "", error), count

    def close(self):
        """Ends the process, and the fork that it waits for."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.communicate()
            self._process = None


def serve():
    """Answers requests: a JSON line each, as `Forks.run` writes it."""
    # otherwise imported by every fork
    for name in (
        "scipy.fft",
        "tifffile",
        "yaozarrs.v05",
        "zarr.codecs",
        "rlcore.app.restore",
        "rlcore.backend.numpy_backend",
    ):
        importlib.import_module(name)
    import rlcore.execution.checkpoint
    from fuzz.library import restore
    from rlcore.app.main import main

    # every state that there is comes to the disk, so that a kill meets it
    rlcore.execution.checkpoint._INTERVAL = 0.0
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        entry, at, *arguments = json.loads(line)
        with tempfile.TemporaryDirectory(prefix="rlcore-fuzz-said-") as folder:
            said, counted = Path(folder, "said"), Path(folder, "counted")
            for path in (said, counted):
                path.touch()
            child = os.fork()
            if not child:
                _restore({"main": main, "library": restore}[entry], arguments, at, said, counted)
            status = os.waitpid(child, 0)[1]
            # an operation is counted by a byte: this is known of a killed process too
            answer = os.WIFSIGNALED(status), os.waitstatus_to_exitcode(status), said.read_text(), counted.stat().st_size
        print(json.dumps(answer), file=answers, flush=True)


def _restore(entry, arguments, at, said, counted):
    """Runs an entry in this process, and ends the process."""
    import traceback

    os.dup2(os.open(said, os.O_WRONLY | os.O_APPEND), 2)
    _count(os.open(counted, os.O_WRONLY | os.O_APPEND), at)
    code = 1
    try:
        entry(arguments)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - it is reported, and the process ends
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def _count(handle, at):
    """Has the process killed before its operation number `at`."""
    write, number = os.write, [0]

    def counting(function):
        def call(*arguments, **named):
            write(handle, b".")
            number[0] += 1
            if number[0] == at:
                os.kill(os.getpid(), 9)
            return function(*arguments, **named)

        return call

    for name in _OPERATIONS:
        setattr(os, name, counting(getattr(os, name)))
