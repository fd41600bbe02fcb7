"""A run that is stopped, killed or out of disk leaves nothing half-written, and says why in one line."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple

import pytest
import tifffile
from fixtures.commands import IMAGE, NO_CAMERA, PROGRAM, PSF, SIGNALLED, deconvolved, run
from fixtures.scenes import error

import rlcore

LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); " + PROGRAM
"""No file may grow beyond what the inputs are."""


def command(folder, *options, program=(PROGRAM,)):
    files = [str(folder / name) for name in ("image.tif", "psf.tif")]
    run = [sys.executable, "-c", *map(str, program), "deconvolve", *files, "-o", str(folder / "out.tif")]
    return [*run, "--backend", "numpy", *NO_CAMERA, *options]


def ended(folder, *options, program=(PROGRAM,)):
    """The program, once it has ended."""
    line = command(folder, *options, program=program)
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=600)


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_a_signal_stops_the_run_and_leaves_the_old_output(files, number, dtype):
    (files / "out.tif").write_text("precious")
    done = ended(files, "-n", "100", "--force", "--dtype", dtype, program=(SIGNALLED, int(number), 7))
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "stopped on request after 7% of the work"
    assert names(files) == {"image.tif", "psf.tif", "out.tif"}
    assert (files / "out.tif").read_text() == "precious"


def test_a_stopped_run_with_a_checkpoint_goes_on_by_the_same_command(files):
    options = ("-n", "100", "--checkpoint", str(files / "state"), "--memory", "17 MiB")
    stopped = ended(files, *options, program=(SIGNALLED, int(signal.SIGINT), 45))
    assert stopped.returncode == 130, stopped.stderr
    assert names(files) == {"image.tif", "psf.tif", "state"}
    assert (files / "state" / "volume-0" / "state.json").exists()
    done = ended(files, *options)
    assert done.returncode == 0, done.stderr
    assert names(files) == {"image.tif", "psf.tif", "out.tif"}
    plan = rlcore.make_plan(IMAGE.shape, PSF.shape, iterations=100, backend="numpy")
    truth = deconvolved(IMAGE, PSF, iterations=100, backend="numpy", plan=plan)
    assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-4


def test_the_checkpoint_of_another_run_is_refused(files):
    state = str(files / "state")
    stopped = ended(files, "-n", "100", "--checkpoint", state, program=(SIGNALLED, int(signal.SIGINT), 45))
    assert stopped.returncode == 130, stopped.stderr
    result = run(files, "--checkpoint", state)
    assert result.exit_code == 2
    assert "is of another run, with other iterations (there 100, now 5); remove it or name another" in result.stderr
    assert "out.tif" not in names(files)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_a_disk_that_is_too_full_is_told_before_the_run(files, monkeypatch, dtype):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6, 1000))
    (files / "out.tif").write_text("precious")
    result = run(files, "--force", "--dtype", dtype)
    assert result.exit_code == 2
    assert "has 1000 B free, the result needs " in result.stderr
    assert "; free some space or choose another" in result.stderr
    assert (files / "out.tif").read_text() == "precious"
    assert names(files) == {"image.tif", "psf.tif", "out.tif"}


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot claim disk space")
@pytest.mark.parametrize("output", ["out.tif", "out.npy", "out.ome.tif"])
def test_files_that_may_not_grow_are_told_and_the_old_output_stays(files, output):
    old = files / output
    old.write_text("precious")
    line = command(files, "--force", "-n", "5", program=(LIMITED,))
    line[line.index("-o") + 1] = str(old)
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    [said] = done.stderr.splitlines()
    assert said == f"error: output {str(old)!r} cannot be written: File too large"
    assert old.read_text() == "precious"
    assert names(files) == {"image.tif", "psf.tif", output}


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot claim disk space")
def test_files_of_a_search_that_may_not_grow_are_told(files):
    line = command(files, "-n", "auto", "--gain", "1", program=(LIMITED,))
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [said] = done.stderr.splitlines()
    assert said.startswith("error: files for the search for the number of iterations cannot be written into")
    assert "File too large; free some space, or give -n a number" in said
    assert names(files) == {"image.tif", "psf.tif"}


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot claim disk space")
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_disk_that_fills_up_while_files_are_made_is_told_with_the_file(files, monkeypatch, calls):
    """The output, then working volumes: each claims its space before anything is computed into it."""
    seen, claim = [], os.posix_fallocate

    def fill_up(file, offset, length):
        seen.append(file)
        if len(seen) == calls:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        claim(file, offset, length)

    monkeypatch.setattr(os, "posix_fallocate", fill_up)
    (files / "out.tif").write_text("precious")
    result = run(files, "--force", "--checkpoint", str(files / "state"))
    assert result.exit_code == (2 if calls == 1 else 1)
    [said] = result.stderr.splitlines()
    assert said.startswith("error: ")
    assert "No space left on device" in said
    assert ("out.tif" if calls == 1 else "/state/") in said
    assert (files / "out.tif").read_text() == "precious"
    assert names(files) - {"state"} == {"image.tif", "psf.tif", "out.tif"}


def test_a_fault_in_the_middle_of_a_run_is_exit_code_1(files, monkeypatch):
    def fails(self, array, **options):
        raise rlcore.BackendError("device 'CPU' went away; plug it in again")

    monkeypatch.setattr("rlcore.backend.numpy_backend.NumPyBackend.fft", fails)
    result = run(files)
    assert result.exit_code == 1
    assert result.stderr == "error: device 'CPU' went away; plug it in again\n"
    assert names(files) == {"image.tif", "psf.tif"}


def test_memory_that_runs_out_is_exit_code_1_with_the_remedy(files, monkeypatch):
    def fails(self, array, **options):
        raise MemoryError

    monkeypatch.setattr("rlcore.backend.numpy_backend.NumPyBackend.fft", fails)
    result = run(files)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: memory ran out; memory ")
    assert names(files) == {"image.tif", "psf.tif"}
