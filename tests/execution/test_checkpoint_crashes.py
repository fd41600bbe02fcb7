"""Killed before any file operation, or at any moment, or with the power gone, a run goes on to the same bits."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.plans import IMAGE, PSF, in_blocks

from rlcore.testing import no_camera

TESTS = __file__.rpartition("/execution/")[0]
# at night each operation has its turn with every method, by day one of four with two
NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"
METHODS = {
    "heavy-ball": {},
    "tv": {"regularization": "tv"},
    "consensus": {"regularization": "consensus"},
    "biggs": {"acceleration": "biggs"},
    "stopping": {"acceleration": "none", "stop": "relative-change", "threshold": 1e-9, "return_info": True},
}

SCENE = r'''
import json, os, random, signal, sys, threading, time
sys.path.insert(0, sys.argv[1])
import numpy as np
from fixtures.plans import IMAGE, PSF, in_blocks
from rlcore.testing import no_camera
import rlcore

folder, options = sys.argv[2], json.loads(sys.argv[3])
image, psf = IMAGE[:16, :24, :20].copy(), PSF
names = {name: options[name] for name in ("acceleration", "regularization", "stop") if name in options}
from dataclasses import replace
plan = no_camera.make_plan(image.shape, psf.shape, iterations=6, backend="numpy", **names)
margin = tuple(p + 1 for p in psf.shape)
core = (12, 16, 30)
plan = replace(plan, block_shape=tuple(k + m for k, m in zip(core, margin)), core_shape=core, half_steps=1,
               halo=tuple(p - 1 for p in psf.shape), placement="scratch", overlap=OVERLAP)

def run(name, prepare=lambda: None, **more):
    """In a fork; True if it came to its end, False if it was killed."""
    if child := os.fork():
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            return False
        assert status == 0
        return True
    try:
        out = np.lib.format.open_memmap(f"{folder}/{name}.npy", "w+", np.float32, image.shape)
        prepare()
        no_camera.deconvolve(image, psf, iterations=6, backend="numpy", out=out, plan=plan,
                          checkpoint=f"{folder}/state-of-{name}", **options, **more)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

def same(name):
    a, b = (np.load(f"{folder}/{each}.npy") for each in (name, "truth"))
    assert np.array_equal(a, b), (name, abs(a - b).max())
    assert not os.path.exists(f"{folder}/state-of-{name}")

began = time.perf_counter()
assert run("truth")
seconds = time.perf_counter() - began
'''

KILLED = (
    SCENE.replace("OVERLAP", "True")
    + r"""
random.seed(7)
killed = 0
for round in range(100):
    if killed >= 21:
        break
    def prepare():
        killer = threading.Timer(random.uniform(0, seconds * 1.1), os.kill, (os.getpid(), signal.SIGKILL))
        killer.daemon = True
        killer.start()
    random.seed(round)
    if run("killed", prepare):
        same("killed")
    else:
        killed += 1
assert killed >= 20, killed
assert run("killed")
same("killed")
"""
)

COUNTED = (
    SCENE.replace("OVERLAP", "False")
    + r'''
OPERATIONS = ["open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "posix_fallocate"]

def before_operation(number):
    """Have the process killed before the operation of this number on a file of the checkpoint."""
    count = [0]
    def wrapped(function):
        def call(*arguments, **named):
            count[0] += 1
            if count[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)
        return call
    def prepare():
        for name in OPERATIONS:
            setattr(os, name, wrapped(getattr(os, name)))
    return prepare

number = 0
while True:
    number += STEP
    name = f"at-{number}"
    if run(name, before_operation(number)):
        break
    assert run(name)
    same(name)
    os.unlink(f"{folder}/{name}.npy")
assert number > 40, number
print(number)
'''
)


def scene(code, folder, options):
    command = [sys.executable, "-c", code, TESTS, str(folder), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("method", METHODS)
def test_killed_at_twenty_moments_it_ends_with_the_same_bits(method, tmp_path):
    scene(KILLED, tmp_path, METHODS[method])


@pytest.mark.parametrize("method", METHODS if NIGHT else ["heavy-ball", "biggs"])
def test_killed_before_the_nth_file_operation_it_ends_with_the_same_bits(method, tmp_path):
    step = "1" if NIGHT else "4"
    scene(COUNTED.replace("STEP", step).replace("iterations=6", "iterations=3"), tmp_path, METHODS[method])


class Disk:
    """A disk beside a folder, which has of it what would be left if the power went now.

    Voxels and text are on it once their file was synced, and names once their folder was. Of names that were not synced
    either none are on it, or all of them, with the content that their files had when they were last synced.
    """

    def __init__(self, folder, monkeypatch):
        self.folder, self.seen = folder, {}
        self._content, self._names = {}, {}
        for name in ("fsync", "replace", "rename", "unlink", "open", "posix_fallocate"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name, function):
        def call(*arguments, **named):
            self._look()
            result = function(*arguments, **named)
            if name == "fsync":
                self._synced(arguments[0])
            self._look()
            return result

        return call

    def _synced(self, handle):
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if path == self.folder:
            self._names = self._now()
        elif path.parent == self.folder:
            # what is mapped is in the system's cache, as what is written is
            self._content[os.fstat(handle).st_ino] = path.read_bytes()

    def _now(self):
        with os.scandir(self.folder) as entries:
            return {entry.name: entry.inode() for entry in entries}

    def _look(self):
        if not self.folder.exists():
            return
        for names in (self._names, self._now()):
            left = {name: self._content.get(inode, b"") for name, inode in names.items()}
            self.seen.setdefault(hash(frozenset(left.items())), left)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files are known by what Linux says of their handles")
@pytest.mark.parametrize("method", METHODS)
def test_when_the_power_goes_at_any_file_operation_the_run_goes_on_to_the_same_bits(method, tmp_path):
    image, options = IMAGE[:16, :24, :20].copy(), {"iterations": 3, "backend": "numpy", **METHODS[method]}
    names = {name: options[name] for name in ("acceleration", "regularization", "stop") if name in options}
    plan = no_camera.make_plan(image.shape, PSF.shape, iterations=3, backend="numpy", **names)
    like = in_blocks(placement="scratch", core=(12, 16, 30))
    block = tuple(n + 2 for n in like.block_shape)  # the reach of total variation
    plan = replace(
        plan, block_shape=block, core_shape=like.core_shape, halo=like.halo, half_steps=1, placement="scratch",
        overlap=False,
    )  # fmt: skip

    def run(folder):
        result = no_camera.deconvolve(image, PSF, plan=plan, checkpoint=folder, **options)
        return result[0] if options.get("return_info") else result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlcore.execution.checkpoint._INTERVAL", 0.0)
        disk = Disk(tmp_path / "state", patch)
        truth = run(tmp_path / "state")
    states = list(disk.seen.values())
    assert len(states) > 30
    for number, left in enumerate(states):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        for name, content in left.items():
            (folder / name).write_bytes(content)
        forget_the_process(folder)
        np.testing.assert_array_equal(run(folder), truth)
        assert not folder.exists()


def forget_the_process(folder):
    """After a loss of power the host has started anew."""
    for lock in folder.glob("lock-*.json"):
        lock.write_text(json.dumps(json.loads(lock.read_bytes()) | {"boot": "before"}))
