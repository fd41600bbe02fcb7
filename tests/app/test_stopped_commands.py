"""Every command that is stopped by a signal ends with exit code 130, and leaves nothing that it had not finished."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from fixtures.commands import PROGRAM

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
AT = (
    """
import importlib, os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
number, module, name = int(sys.argv.pop(1)), importlib.import_module(sys.argv.pop(1)), sys.argv.pop(1)
function = getattr(module, name)

def signalled(*arguments, **options):
    os.kill(os.getpid(), number)
    result = function(*arguments, **options)
    os.kill(os.getpid(), number)
    return result

setattr(module, name, signalled)
"""
    + PROGRAM
)
"""The program, which sends itself a signal before and after each call of a function."""

WORK = "rlcore.app.files.writing.work_folder"
PLACES = ("write_whole", "Lock", "sync_tree", "_rename_to_new", "remove_entries")
OPTIONS = ("--na", 1.2, "--emission", 520, "--immersion", 1.33, "--shape", "5x7x7", "--voxel", "0.2,0.1,0.1")


def stopped(number, module, name, *arguments):
    line = [sys.executable, "-c", AT, str(int(number)), module, name, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 130, done.stderr
    assert done.stderr == "stopped on request\n"


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", PLACES)
def test_wherever_a_signal_arrives_nothing_unfinished_is_left(tmp_path, number, name):
    stopped(number, WORK, name, "psf", "generate", "-o", tmp_path / "psf.npy", *OPTIONS)
    assert {path.name for path in tmp_path.iterdir()} <= {"psf.npy"}
    if (tmp_path / "psf.npy").exists():
        assert np.load(tmp_path / "psf.npy").shape == (5, 7, 7)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_file_that_is_half_written_goes(tmp_path, number):
    stopped(number, "tifffile", "imwrite", "psf", "generate", "-o", tmp_path / "psf.tif", *OPTIONS)
    assert list(tmp_path.iterdir()) == []
