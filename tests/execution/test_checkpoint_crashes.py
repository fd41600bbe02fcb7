"""Killed before any file operation, or at any moment, or with the power gone, a run goes on to the same bits."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from fixtures.plans import IMAGE, PSF, in_blocks

import rlcore

TESTS = __file__.rpartition("/execution/")[0]
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
import rlcore

folder, options = sys.argv[2], json.loads(sys.argv[3])
image, psf = IMAGE[:16, :24, :20].copy(), PSF
names = {name: options[name] for name in ("acceleration", "regularization", "stop") if name in options}
from dataclasses import replace
plan = rlcore.make_plan(image.shape, psf.shape, iterations=6, backend="numpy", **names)
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
        rlcore.deconvolve(image, psf, iterations=6, backend="numpy", out=out, plan=plan,
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

KILLED = SCENE.replace("OVERLAP", "True") + r'''
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
'''

COUNTED = SCENE.replace("OVERLAP", "False") + r'''
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


def scene(code, folder, options):
    command = [sys.executable, "-c", code, TESTS, str(folder), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("method", METHODS)
def test_killed_at_twenty_moments_it_ends_with_the_same_bits(method, tmp_path):
    scene(KILLED, tmp_path, METHODS[method])


@pytest.mark.parametrize("method", ["heavy-ball", "biggs"])
def test_killed_before_the_nth_file_operation_it_ends_with_the_same_bits(method, tmp_path):
    scene(COUNTED.replace("STEP", "4").replace("iterations=6", "iterations=3"), tmp_path, METHODS[method])
