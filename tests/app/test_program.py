"""The program without packages of its extra says in one sentence what to install."""

import subprocess
import sys

import numpy as np
import pytest

WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from rlcore.app.program import main
main()
"""


def program(folder, without, *arguments):
    line = [sys.executable, "-c", WITHOUT, without, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("package", ["click", "rich", "tifffile", "platformdirs", "matplotlib"])
def test_a_missing_package_of_the_command_line_is_one_sentence(tmp_path, package):
    np.save(tmp_path / "image.npy", np.ones((4, 5, 6), np.float32))
    np.save(tmp_path / "psf.npy", np.ones((3, 3, 3), np.float32))
    done = program(
        tmp_path, package, "deconvolve", "image.npy", "psf.npy", "-o", "out.npy", "-n", 1, "--backend", "numpy",
        "--report", "report.png",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert lines == [f'error: package {package!r} of the command line is not installed; try: pip install "rlcore[app]"']
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"image.npy", "psf.npy", "out.npy"}


def test_with_all_packages_it_is_the_command_line(tmp_path):
    done = program(tmp_path, "nothing_of_ours", "plan", "--shape", "9x9x9", "3x3x3", "--backend", "numpy")
    assert done.returncode == 0, done.stderr
    assert "one block" in done.stdout


def test_another_missing_module_is_not_taken_for_one_of_these(tmp_path):
    assert "ModuleNotFoundError" in program(tmp_path, "rlcore.app.main").stderr
