"""Killed before any file operation, a run over several volumes goes on to the same bits and leaves nothing."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

TESTS = __file__.rpartition("/app/")[0]
# at night each operation has its turn, by day one of several
NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"

PROGRAM = r'''
import json, os, shutil, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
folder, output, dtype, start, step, good = *sys.argv[2:5], *map(int, sys.argv[5:8])
os.chdir(folder)
import rlcore.app.before_after, rlcore.app.files.zarr.output, rlcore.app.heap, rlcore.app.interruption
import rlcore.app.restore, rlcore.app.terminal
from rlcore.app.files.writing.run_state import read_state
from rlcore.app.main import main
from rlcore.app.series_run import SeriesRun
from fixtures.commands import levels

OPERATIONS = ["open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "posix_fallocate", "link",
              "ftruncate", "truncate"]

def command(name, *more):
    return ["deconvolve", "image.tif", "psf.npy", "-o", name, "-n", "2", "--backend", "numpy",
            "--offset", "0", "--background", "0", "--dtype", dtype, "--keep-going", *more]

def killed_before(number):
    """Has the process killed before the file operation of this number; the operation is written down."""
    count = [0]
    def wrapped(name, function):
        def call(*arguments, **named):
            count[0] += 1
            if count[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)
        return call
    for name in OPERATIONS:
        setattr(os, name, wrapped(name, getattr(os, name)))

def run(arguments, prepare=lambda: None):
    """In a fork: None if it was killed, else its exit code, and the volumes that it restored."""
    receive, send = os.pipe()
    if child := os.fork():
        os.close(send)
        restored = os.fdopen(receive, "rb").read()
        status = os.waitpid(child, 0)[1]
        return (None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)), set(restored)
    code = 99
    try:
        restore = SeriesRun._restore
        def noted(self, number, *rest):
            os.write(send, bytes([number]))
            restore(self, number, *rest)
        SeriesRun._restore = noted
        prepare()
        main(arguments)
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        os._exit(code)

def finished():
    try:
        return set(read_state(Path("state/run.json")).done)
    except OSError:
        return set()

def ours():
    """What the run has made."""
    return sorted(name for name in os.listdir() if name.startswith(".rlcore") or name == "state")

assert run(command("truth" + output))[0] == good
truth = levels(Path("truth" + output))
number, faults = start, []
while True:
    name = f"at-{number}{output}"
    arguments = command(name, "--checkpoint", "state", "-q")
    code, _ = run(arguments, lambda: killed_before(number))
    if code is not None:
        assert code == good, code
        break
    done, before = finished(), ours()
    code, restored = run(arguments)
    if code != good:
        faults.append([number, f"exit code {code}", before])
    elif not all(np.array_equal(*pair, equal_nan=True) for pair in zip(levels(Path(name)), truth, strict=True)):
        faults.append([number, "other bits"])
    elif done & restored:
        faults.append([number, f"restored {sorted(done & restored)} again"])
    if left := ours():
        faults.append([number, "left", left, before])
        for each in left:
            shutil.rmtree(each) if os.path.isdir(each) else os.unlink(each)
    number += step
print(json.dumps([number, faults]))
'''


@pytest.mark.parametrize(
    ("output", "dtype", "step", "bad"),
    [
        (".tif", "float32", 17, False), (".zarr", "float32", 37, False), (".tif", "uint16", 29, False),
        (".tif", "float32", 23, True), (".tif", "uint16", 41, True), (".ozx", "float32", 67, True),
        (".ome.tif", "float32", 53, True),
    ],
)  # fmt: skip
def test_killed_before_the_nth_file_operation_it_ends_with_the_same_bits(tmp_path, output, dtype, step, bad):
    if output in (".zarr", ".ozx"):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    wide = 270 if output == ".ome.tif" else 12  # so wide that planes have coarser ones
    stack = np.random.default_rng(0).poisson(40, (3, 4, 12, wide)).astype(np.uint16)
    if bad:  # the run is told to go on, and leaves this volume empty
        stack = stack.astype(np.float32)
        stack[1, 2, 3, 4] = np.nan
    tifffile.imwrite(tmp_path / "image.tif", stack, imagej=True, metadata={"axes": "TZYX"})
    np.save(tmp_path / "psf.npy", np.ones((3, 3, 3), np.float32))
    command = [sys.executable, "-c", PROGRAM, TESTS, str(tmp_path), output, dtype, "1", "1" if NIGHT else str(step)]
    command.append("3" if bad else "0")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    operations, faults = json.loads(done.stdout.splitlines()[-1])
    assert operations > 100
    assert faults == []
