"""`rlcore check`: the conformance kit from the command line."""

import json
import sys

import numpy as np
import pytest

from rlcore.app.main import main
from rlcore.backend.numpy_backend import NumPyBackend


def run(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def test_a_verdict_for_a_readme(capsys):
    code, out, err = run(capsys, "check", "numpy")
    assert (code, err) == (0, ""), out
    assert out.startswith("Backend `numpy` on CPU passes all ")
    assert "| adjoint | 3 passed |" in out
    assert "convolve, correlate, ratio, update, summary, momentum are not overridden |" in out


def test_a_failure_is_told_with_what_it_means(capsys, monkeypatch):
    monkeypatch.setattr(NumPyBackend, "flip", lambda self, array: array[::-1].copy())
    code, out, _ = run(capsys, "check", "numpy", "--device", "cpu", "--without", "memory", "--without", "truth")
    assert code == 1
    assert "- `test_flip_mirrors_about_voxel_0` failed: `flip` does not take voxel i to (-i) mod n" in out
    assert "| memory |" not in out


def test_the_verdict_as_json(capsys, monkeypatch):
    monkeypatch.setattr(NumPyBackend, "clamp", lambda self, array, floor, out=None: np.clip(array, floor, 2.5, out=out))
    groups = ("memory", "truth", "blocks", "adjoint", "threads")
    code, out, _ = run(capsys, "check", "numpy", "--json", *(word for group in groups for word in ("--without", group)))
    verdict = json.loads(out)
    assert code == 1
    assert verdict["passed"] is False
    failed = {outcome["test"] for outcome in verdict["outcomes"] if outcome["state"] == "failed"}
    assert failed == {"test_clamp", "test_update"}  # the default of `update` is composed of it


def test_a_backend_that_is_not_there_is_one_sentence(capsys):
    code, out, err = run(capsys, "check", "nump")
    assert (code, out) == (1, "")
    assert err.startswith("error: backend 'nump' is unknown (did you mean 'numpy'?); installed are ")
    assert err.count("\n") == 1
    code, _, err = run(capsys, "check", "numpy", "--device", "gpu")
    assert (code, err) == (1, "error: backend 'numpy' has no device 'gpu'; it runs on the CPU\n")


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_without_the_testing_extra_it_says_how_to_get_it(capsys, monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith(("rlcore.testing.verdict", f"{missing}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    code, out, err = run(capsys, "check", "numpy")
    assert (code, out) == (2, "")
    assert (
        err == f"error: command 'check' needs {missing!r}, which is not installed; try: pip install 'rlcore[testing]'\n"
    )
