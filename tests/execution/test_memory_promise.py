"""What a run really takes is what its plan says: never more, and not much less."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rlcore.planner.requirements import FIXED
from rlcore.testing import no_camera

MIB = 1 << 20

RUN = '''
"""Run once by the plan for so much memory, and tell what it took; refuse to take 200 MiB more than the plan says."""
import ctypes, gc, json, platform, resource, sys
from pathlib import Path
import numpy as np
import rlcore
sys.path.insert(0, sys.argv[4])
from fixtures.scenes import gaussian
from rlcore.algorithm.boundary import Geometry
from rlcore.planner import Job
from rlcore.testing import no_camera
from rlcore.planner.within_memory import PlanMaker

backend, memory, out = rlcore.load_backend(sys.argv[1]), sys.argv[2], sys.argv[3]
shape, psf = (96, 192, 192), gaussian((9, 9, 9))
image = np.random.default_rng(0).random(shape, np.float32) * 100

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":")) * 1024

geometry = Geometry(shape, psf.shape, (4, 4, 4), "extended")
plan = PlanMaker(Job(geometry, 2, not out, acceleration="heavy-ball"), backend, memory).best()
target = np.lib.format.open_memmap(out, "w+", np.float32, shape) if out else None
limit = status("VmData") + plan.memory_bytes + (200 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
gc.collect()
if platform.libc_ver()[0] == "glibc":
    ctypes.CDLL(None).malloc_trim(0)  # else the run takes room that imports have left in the heap
Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
before = status("VmRSS")
no_camera.deconvolve(image, psf, iterations=2, backend=backend, memory=memory, plan=plan, out=target)
print(json.dumps({"peak": status("VmHWM") - before, "plan": plan.to_dict()}))
'''

IN_MEMORY = [("numpy", m) for m in ("1 GiB", "140 MiB", "100 MiB", "80 MiB")]
IN_MEMORY += [("pyfftw", m) for m in ("1 GiB", "100 MiB", "90 MiB", "80 MiB")]
TO_DISK = [("numpy", "60 MiB"), ("numpy", "40 MiB"), ("pyfftw", "65 MiB"), ("pyfftw", "50 MiB")]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(
    ("backend", "memory", "to_disk"), [*((*plan, False) for plan in IN_MEMORY), *((*plan, True) for plan in TO_DISK)]
)
def test_a_run_takes_what_its_plan_says(backend, memory, to_disk, tmp_path):
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", RUN, backend, memory, str(tmp_path / "out.npy") if to_disk else "", tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    planned, peak = told["plan"]["memory_bytes"], told["peak"]
    said = f"{peak / MIB:.1f} of {planned / MIB:.1f} MiB: {told['plan']['text']}"
    assert peak <= planned, said
    least = max(0.55 * planned, 0.75 * (planned - FIXED))  # of all, and of what grows with the volume
    assert peak >= least, said


def test_the_plans_that_are_measured_go_from_the_whole_to_many_blocks():
    options = {"iterations": 2}
    plans = [no_camera.make_plan((96, 192, 192), (9, 9, 9), backend=b, memory=m, **options) for b, m in IN_MEMORY]
    assert sum(plan.is_whole for plan in plans) == 2
    assert max(len(plan.tiling()) for plan in plans) >= 5
