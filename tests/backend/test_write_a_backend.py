"""The guide to writing a backend, followed to the letter: its package is installed by pip and used."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rlcore
from rlcore.testing import no_camera

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/write-a-backend.md").read_text()
FILES = dict(re.findall(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^```console\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def run(venv, *words, cwd):
    """A program of the virtual environment."""
    program = venv / "bin" / words[0]
    return subprocess.run([program, *words[1:]], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with the guide's package in it."""
    folder = tmp_path_factory.mktemp("author")
    for name, text in FILES.items():
        path = folder / "rlcore-sample" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def venv(shelf):
    """A fresh environment in which the guide's first command has been run, rlcore being this one."""
    folder = shelf / "venv"
    requirements = COMMANDS[0].splitlines()[0].replace("'rlcore[app,testing]'", f"{ROOT}[app,testing]").split()[2:]
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if uv := shutil.which("uv", path=places):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=300)
        install = [uv, "pip", "install", "--python", folder / "bin/python", *requirements]
    else:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=300)
        install = [folder / "bin/pip", "install", *requirements]
    done = subprocess.run(install, cwd=shelf, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode and re.search(
        r"(?i)network|connect|resolve host|timed out|no matching distribution", done.stderr
    ):
        pytest.skip(f"nothing can be installed here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_guide_is_made_of_the_package_files():
    package = ROOT / "tests/sample_backend"
    ours = {str(path.relative_to(package)) for path in package.rglob("*") if path.suffix in (".py", ".toml", ".md")}
    assert set(FILES) == ours
    for name, text in FILES.items():
        assert text == (package / name).read_text(), name


def test_the_backend_takes_fewer_than_60_lines():
    lines = FILES["src/rlcore_sample/__init__.py"].splitlines()
    assert sum(bool(line.strip()) for line in lines) < 60


def test_it_is_found_by_its_name(venv, shelf):
    found = json.loads(run(venv, "rlcore", "backends", "--json", cwd=shelf).stdout)
    (ours,) = [finding for finding in found if finding["name"] == "sample"]
    assert (ours["state"], ours["distribution"]) == ("usable", "rlcore-sample 0.1.0")


def test_it_passes_its_own_tests_and_the_check(venv, shelf):
    for command in (*COMMANDS[0].splitlines()[1:], *COMMANDS[1].splitlines()):
        done = run(venv, *command.split(), cwd=shelf)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Backend `sample` on CPU passes all ")


def test_it_restores_files_as_numpy_does(venv, shelf):
    image = np.random.default_rng(0).poisson(20, (12, 20, 21)).astype(np.float32)
    psf = np.zeros((5, 5, 5), np.float32)
    psf[1:4, 1:4, 1:4] = 1
    np.save(shelf / "image.npy", image)
    np.save(shelf / "psf.npy", psf)
    done = run(
        venv, "rlcore", "deconvolve", "image.npy", "psf.npy", "-o", "restored.npy", "--backend", "sample", cwd=shelf
    )
    assert done.returncode == 0, done.stderr
    truth = no_camera.deconvolve(image, psf, backend="numpy")
    np.testing.assert_allclose(np.load(shelf / "restored.npy"), truth, atol=1e-5 * truth.max())


def test_a_flip_that_is_off_by_a_voxel_fails_the_check_by_name(venv, shelf):
    (module,) = venv.glob("lib/python*/site-packages/rlcore_sample/__init__.py")
    right = module.read_text()
    wrong = right.replace("(1,) * array.ndim", "(0,) * array.ndim")
    assert wrong != right
    module.write_text(wrong)
    try:
        done = run(venv, "rlcore", "check", "sample", cwd=shelf)
    finally:
        module.write_text(right)
    assert done.returncode == 1
    assert "`test_flip_mirrors_about_voxel_0` failed: `flip` does not take voxel i to (-i) mod n" in done.stdout
    assert "`test_correlation_is_the_adjoint_of_convolution` failed" in done.stdout


def test_the_array_api_example_is_a_backend():
    code = re.findall(r"^```python\n(import array_api_strict.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)[0]
    names = {}
    exec(code, names)
    assert names["strict_backend"]().name == "strict"
    with pytest.raises(rlcore.BackendUnavailable, match="'strict' has no device 'nowhere'"):
        names["strict_backend"]("nowhere")
