"""Installed backends that are broken in every way: each is named for what it is, and nothing else breaks."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fixtures.sites import put

import rlcore
from rlcore.testing import no_camera

SOURCES = {
    "broken": "import a_library_that_is_not_there\n",
    "exiting": "import sys\nsys.exit('no licence')\n",
    "raising": "def make(device):\n    raise RuntimeError('the driver is too old')\n",
    "incomplete": "class make:\n    name, device = 'incomplete', 'CPU'\n    def __init__(self, device): ...\n",
    "uncallable": "make = 'a text'\n",
    "absent": "from rlcore.errors import BackendUnavailable\n"
    "def make(device):\n    raise BackendUnavailable('no device of this kind is plugged in')\n",
    "slow": "import time\ntime.sleep(0.5)\nfrom rlcore.backend.numpy_backend import NumPyBackend as make\n",
    "lying": "from rlcore.backend.numpy_backend import NumPyBackend\n"
    "class make(NumPyBackend):\n    def free_bytes(self):\n        raise OSError('no such counter')\n",
}
EXPECTED = {
    "broken": ("broken", "cannot be imported: ModuleNotFoundError: No module named 'a_library_that_is_not_there'"),
    "exiting": ("broken", "cannot be imported: SystemExit: no licence"),
    "raising": ("broken", "failed to start: RuntimeError: the driver is too old"),
    "incomplete": ("incomplete", "lacks free_bytes, footprint, fast_shape"),
    "uncallable": ("incomplete", "is not callable"),
    "absent": ("unavailable", "no device of this kind is plugged in"),
    "slow": ("usable", ""),
    "lying": ("broken", "OSError: no such counter"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_survey_says_what_is_wrong_with_which_distribution(site, name):
    before = {finding.name: finding.state for finding in rlcore.survey()}
    put(site, name, SOURCES[name])
    findings = {finding.name: finding for finding in rlcore.survey()}
    finding = findings.pop(name)
    state, reason = EXPECTED[name]
    assert (finding.state, finding.distribution) == (state, f"rlcore-{name} 1.2")
    assert reason in finding.reason
    assert {name: finding.state for name, finding in findings.items()} == before
    assert no_camera.deconvolve(np.ones((5, 5)), np.pad([[1.0]], 1), backend="numpy").shape == (5, 5)


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in ("slow", "lying")])
def test_to_name_one_tells_its_own_error(site, name):
    put(site, name, SOURCES[name])
    with pytest.raises(rlcore.BackendError) as told:
        rlcore.load_backend(name)
    assert EXPECTED[name][1] in str(told.value)
    assert "\n" not in str(told.value)


def test_a_name_that_two_claim_is_ambiguous(site):
    put(site, "first", SOURCES["slow"], plugin="numpy")
    (finding,) = [finding for finding in rlcore.survey() if finding.name == "numpy"]
    assert finding.state == "ambiguous"
    assert "rlcore-first 1.2" in finding.reason
    assert "uninstall all but one" in finding.reason
    with pytest.raises(rlcore.BackendError, match=r"'numpy' is claimed by .*rlcore-first 1\.2"):
        rlcore.load_backend("numpy")
    assert rlcore.choose_backend("auto").backend.name != "slow"


def test_a_third_party_is_never_chosen_unasked(site, monkeypatch):
    monkeypatch.delenv("RLCORE_BACKEND", raising=False)
    put(site, "slow", SOURCES["slow"])
    start = time.perf_counter()
    rlcore.choose_backend("auto")
    assert "rlcore_slow" not in sys.modules, f"asked after {time.perf_counter() - start:.1f} s"


def test_to_import_rlcore_loads_no_backend_and_no_heavy_library(site):
    for name, source in SOURCES.items():
        put(site, name, source)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import rlcore; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    heavy = {
        "scipy",
        "matplotlib",
        "tifffile",
        "zarr",
        "dask",
        "click",
        "rich",
        "pytest",
        "hypothesis",
        "torch",
        "cupy",
    }
    assert "rlcore" in loaded
    assert not loaded & (heavy | {"pyfftw", "rlcore_pyfftw", "pyopencl", "cupy", "torch", "napari", "array_api_strict"})
    assert not [name for name in loaded if name.removeprefix("rlcore_") in SOURCES]


def test_one_that_pip_installed_is_found_too(site, tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    (source / "rlcore_broken.py").write_text(SOURCES["broken"])
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "rlcore-broken"\nversion = "3.4"\n'
        '[project.entry-points."rlcore.backends"]\nbroken = "rlcore_broken:make"\n'
        '[tool.hatch.build.targets.wheel]\nonly-include = ["rlcore_broken.py"]\n'
    )
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    pip = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    command = [*pip, "install", "--no-deps", "--target", str(site), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"pip cannot install here: {done.stderr.strip().splitlines()[-1]}")
    (finding,) = [finding for finding in rlcore.survey() if finding.name == "broken"]
    assert (finding.state, finding.distribution) == ("broken", "rlcore-broken 3.4")
