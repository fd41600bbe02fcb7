"""The script that measures volumes larger than memory, on a small one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "measure_out_of_core.py"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from Linux's /proc")
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_a_volume_larger_than_its_memory_is_restored_right_and_stays_out_of_it(backend, tmp_path):
    options = {
        "--size": "48 MiB",
        "--memory": "45 MiB",
        "--backend": backend,
        "--iterations": "2",
        "--folder": tmp_path,
    }
    command = [sys.executable, SCRIPT, "--json", *(part for option in options.items() for part in option)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["planned bytes"] <= 45 << 20
    assert told["resident bytes at most"] <= (45 << 20) + taken_by_imports(backend) + (30 << 20)
    assert told["spots"] >= 4
    assert told["largest error at spots"] <= 1e-5
    assert list(tmp_path.iterdir()) == []


def taken_by_imports(backend):
    """Bytes that the program has resident before it runs: pyFFTW imports dask if that is installed."""
    code = (
        f"import rlcore, rlcore.app.restore; rlcore.load_backend({backend!r}); print(open('/proc/self/status').read())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(re.search(r"VmHWM:\s+(\d+)", done.stdout)[1]) << 10
