"""A run over the volumes of a file takes what the plan of one of them says: nothing gathers from volume to volume, nor
in glibc's heap."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.commands import NO_CAMERA
from fixtures.scenes import gaussian
from fixtures.zarr_images import write_image

from rlcore.app.files.zarr.concurrency import limit_concurrency
from rlcore.app.files.zarr.volume_in_array import VolumeInArray

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

MIB = 1 << 20
SPARE = 2 * MIB
"""For what is no array: threads' stacks, and what zarr and its codecs keep."""
RUN = '''
"""The command line; tells at the end what the process had resident at most beyond what a tiny run has loaded."""
import atexit, ctypes, gc, platform, sys
from pathlib import Path
import numpy as np
import yaozarrs, zarr
import rlcore
import rlcore.app.restore
import rlcore.app.terminal
from rlcore.app.main import main

backend = sys.argv[sys.argv.index("--backend") + 1]
rlcore.deconvolve(np.ones((8, 8, 8)), np.ones((3, 3, 3)), iterations=2, offset=0, background=0, backend=backend)
gc.collect()
if platform.libc_ver()[0] == "glibc":
    ctypes.CDLL(None).malloc_trim(0)  # else room that imports have left in the heap would count as the program's

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":")) * 1024

Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
before = status("VmRSS")
atexit.register(lambda: print("peak", status("VmHWM") - before))
main(sys.argv[1:])
'''


def write(path, shape, chunks):
    stack = np.random.default_rng(0).poisson(30, shape).astype(np.uint16)
    write_image(path, stack, "tczyx", [1.0] * 5, chunks=chunks, units={})


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap is told only where it is glibc's")
@pytest.mark.parametrize(("memory", "told"), [(None, 0), ("50%", 0), ("4 GiB", 0), ("70 MiB", 1)])
def test_the_heap_is_told_to_keep_little_where_little_is_given(memory, told):
    code = f"from rlcore.app.heap import keep_little; raise SystemExit(int(keep_little({memory!r})))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == told


@pytest.mark.parametrize(("memory", "expected"), [(1 << 30, 10), (64 * MIB, 2), (16 * MIB, 1), (1, 1)])
def test_no_more_chunks_are_under_way_than_memory_has_room_for(tmp_path, memory, expected):
    write(
        tmp_path / "image.zarr", (1, 1, 8, 256, 256), (1, 1, 8, 256, 256)
    )  # a chunk of 1 MiB, and what is stored of it
    window = VolumeInArray(zarr.open_group(tmp_path / "image.zarr")["0"], (0, 0, *[slice(None)] * 3), "image.zarr")
    before = zarr.config.get("async.concurrency")
    with limit_concurrency(memory, window, np.zeros(3)):
        assert zarr.config.get("async.concurrency") == min(before, expected)
    assert zarr.config.get("async.concurrency") == before


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(("backend", "memory"), [("numpy", "70 MiB"), ("pyfftw", "70 MiB")])
def test_a_run_over_many_volumes_takes_what_the_plan_of_one_says(tmp_path, backend, memory):
    write(tmp_path / "image.zarr", (2, 2, 48, 256, 256), (1, 1, 16, 256, 256))
    for channel in range(2):
        np.save(tmp_path / f"{channel}.npy", gaussian((5, 5 + 2 * channel, 5)))
    psfs = [part for channel in range(2) for part in ("--psf", f"{channel}={tmp_path / f'{channel}.npy'}")]
    files = [str(tmp_path / "image.zarr"), "-o", str(tmp_path / "out.zarr"), *psfs]
    options = [
        "-n",
        "2",
        "--backend",
        backend,
        *NO_CAMERA,
        "--memory",
        memory,
        "--json",
        "-q",
    ]
    command = [sys.executable, "-c", RUN, "deconvolve", *files, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told, _, peak = done.stdout.rpartition("peak ")
    plan = json.loads(told)["plan"]
    assert plan["core_shape"] != [48, 256, 256]
    assert int(peak) <= plan["memory_bytes"] + SPARE, (
        f"{int(peak) / MIB:.1f} of {plan['memory_bytes'] / MIB:.1f} MiB: {plan['text']}"
    )
