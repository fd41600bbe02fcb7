"""The program in a process of its own that runs one command after the other, each within a time limit."""

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LIMIT = 30.0
"""Seconds of a command; a hundred times what the slowest needs, since machines that run tests are shared."""
MEMORY = 12 << 30
"""Bytes of address space: a command that allocates what a damaged file states fails, and does not take the machine."""

_CODE = """\
import contextlib, io, json, os, resource, sys, traceback
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from rlcore.app.main import main
for line in sys.stdin:
    out, error, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            main(json.loads(line))
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
    print(json.dumps([code, out.getvalue(), error.getvalue()]), file=answers, flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended; `code` is None if by an exception, a signal or its time limit."""

    code: int | None
    out: str
    error: str


class Program:
    """Runs commands; a process that hangs or dies is replaced."""

    def __init__(self):
        self._process = None

    def run(self, *arguments, limit=LIMIT):
        """Runs one command."""
        process = self._process = self._process or _start()
        process.stdin.write(json.dumps(list(map(str, arguments))).encode() + b"\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], limit)[0]:
            self.close()
            return Ended(None, "", f"no end within {limit:g} s")
        line = process.stdout.readline()
        if not line:
            self.close()
            return Ended(None, "", f"process ended with {process.returncode}")
        return Ended(*json.loads(line))

    def close(self):
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start():
    command = [sys.executable, "-W", "ignore", "-c", _CODE, str(MEMORY)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment())


def environment():
    """Returns the environment of a process that imports this tree, whatever backend the user has chosen."""
    root = Path(__file__).parents[2]
    made = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path]), "OMP_NUM_THREADS": "1"}
    for name in ("RLCORE_BACKEND", "RLCORE_DEVICE"):
        made.pop(name, None)
    return made
