"""The benchmark: what it measures is what happened, and one contestant's failure costs only its own row."""

import json
import math
import os
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from rlcore.app.bench import chart, compare, table
from rlcore.app.bench.contestants import Contestant
from rlcore.app.bench.floors import timed
from rlcore.app.bench.machine import opencl_devices
from rlcore.app.bench.measure import measure
from rlcore.app.bench.memory import PeakMemory
from rlcore.app.bench.problems import Problem, make_image, make_psf
from rlcore.app.bench.process import Assignment, Processes, Settings
from rlcore.app.bench.rows import Row
from rlcore.app.main import main

SETTINGS = Settings(iterations=3, boundary="extended", rounds=2, cycles=1, minutes=10.0)


def started(tmp_path):
    """Processes that have ten minutes, of which they need seconds."""
    return Processes(tmp_path, SETTINGS, time.monotonic() + 600)


@pytest.fixture
def problem(tmp_path):
    image, psf = make_image((8, 20, 22)), make_psf((5, 5, 5))
    np.save(tmp_path / "i.npy", image)
    np.save(tmp_path / "p.npy", psf)
    return Problem("test", image.shape, psf.shape, str(tmp_path / "i.npy"), str(tmp_path / "p.npy"), "")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """What `rlcore plan` is told of speeds stays out of the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path / "user"


def test_a_contestant_that_fails_is_a_row_with_its_reason_and_the_others_are_measured(problem, tmp_path, cache):
    processes = started(tmp_path)
    contestants = [Contestant("absent"), Contestant("numpy"), Contestant("idle", reason="no device")]
    result = measure([problem], contestants, processes, {}, reference=True, say=lambda line: None)
    absent, numpy, idle = result["problems"][0]["rows"]
    assert "'absent'" in absent["failure"]
    assert idle["failure"] == "no device"
    assert numpy["failure"] == ""
    assert len(numpy["cold"]) == len(numpy["warm"]) == len(numpy["floor"]) == SETTINGS.rounds
    assert numpy["facts"]["padded"] == [12, 24, 26] or math.prod(numpy["facts"]["padded"]) >= 12 * 24 * 26
    assert 0 < numpy["error"] < 1e-5
    pairs = zip(numpy["iteration"], numpy["floor"], strict=True)
    assert numpy["figures"]["floor_ratio"] == statistics.median(each / floor for each, floor in pairs)
    assert 0 < numpy["figures"]["floor_ratio"] < math.inf
    assert "numpy on CPU" in (cache / "rlcore" / "speed.json").read_text()
    json.dumps(result)


def test_a_process_that_dies_says_by_what(problem, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    answer = started(tmp_path).measure(Contestant("numpy"), problem, Assignment(2, 30.0))
    assert answer["failure"] == "killed by SIGKILL, perhaps for its memory"
    assert "cold" not in answer


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="the high-water mark is Linux's")  # noqa: PTH110
def test_peak_memory_is_what_was_held_at_once():
    size = 64 << 20
    with PeakMemory() as peak:
        for _ in range(3):
            np.ones(size, np.uint8)
    assert 0.95 * size < peak.host < 1.5 * size


def test_a_time_is_that_of_one_call_however_many_are_timed(monkeypatch):
    clock, calls = [0.0], []
    monkeypatch.setattr("rlcore.app.bench.floors.time.perf_counter", lambda: clock[0])

    def once():
        calls.append(clock[0])
        clock[0] += 0.001

    assert timed(once)() == pytest.approx(0.001)
    assert len(calls) > 20


def test_figures_are_medians_and_ratios_of_neighbours():
    row = Row("x", True, {"padded": [10, 10, 10], "plan_bytes": 8000}, iteration=[1.0, 3.0, 8.0], floor=[1.0, 2.0, 4.0])
    row.peak = [4000]
    figures = row.figures(6_000_000)
    assert figures["iteration"] == 3
    assert figures["floor_ratio"] == 1.5
    assert figures["rate"] == 2
    assert figures["peak_of_plan"] == 0.5
    assert figures["peak_in_volumes"] == 1
    assert figures["iteration_spread"] == pytest.approx(3.5 / 3)


def test_opencl_drivers_are_told_where_there_are_any():
    found = opencl_devices()
    assert all(device["driver_version"] and device["platform"] for device in found)
    assert len(found) > 0 or not any(Path("/etc/OpenCL/vendors").glob("*.icd")) or find_spec("pyopencl") is None


def made(tmp_path, name, **changes):
    """A result file with one row; `changes` are of its commit, iterations, digest or version."""
    row = Row(
        "numpy",
        True,
        {"device": "CPU", "boundary": "zero", "padded": [8, 8], "blocks": 1},
        iteration=[0.1],
        iterations=changes.get("calls", 10),
    )
    row.facts |= {"version": changes.get("version", "1"), "plan_bytes": None}
    problem = {"name": "p", "shape": [8, 8], "psf_shape": [3, 3], "digest": changes.get("digest", "")}
    rows = [{**row.to_dict(64), "less_work": changes.get("less", False)}]
    machine = {"processor": name, "processors": 2, "cards": [], "commit": changes.get("commit", "c")}
    settings = {"iterations": changes.get("iterations", 10), "boundary": "zero", "rounds": 1}
    result = {"format": 2, "machine": machine, "settings": settings, "problems": [{**problem, "rows": rows}]}
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(result))
    return path


def remarks(*paths):
    results = [compare.read(path) for path in paths]
    return compare.remarks(results, compare.names_of(results, list(paths)))


def test_comparison_says_what_cannot_be_compared(tmp_path):
    first = made(tmp_path, "a")
    assert remarks(first, made(tmp_path, "b")) == []
    for key, value in {"iterations": 5, "commit": "d", "version": "2", "calls": 4}.items():
        (said,) = remarks(first, made(tmp_path, "b", **{key: value}))
        assert f"{value} on b" in said
    (said,) = remarks(first, made(tmp_path, "b", digest="other"))
    assert "other data on b" in said


def test_comparison_draws_and_prints_both_machines(tmp_path, capsys):
    paths = [str(made(tmp_path, name)) for name in ("a", "b")]
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--compare", *paths, "--chart", str(tmp_path / "c.png")])
    assert stop.value.code == 0
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "a, 2 processors" in shown
    assert "b, 2 processors" in shown


def test_less_work_is_marked_in_table_and_chart(tmp_path):
    result = compare.read(made(tmp_path, "a", less=True))
    assert "8 x 8*" in table.cells(result["problems"][0]["rows"][0], None, 10)["transforms"]
    assert "8 x 8\\*" in table.markdown(result)
    assert chart.panels([result])[0][1][0].label == "numpy*"


def test_a_problem_that_nobody_could_do_is_its_reasons_only(tmp_path):
    result = compare.read(made(tmp_path, "a"))
    (row,) = result["problems"][0]["rows"]
    row |= {"iteration": [], "failure": "does not fit"}
    assert "| program" not in table.markdown(result)
    assert "- numpy: does not fit" in table.markdown(result)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense"], "problems 'nonsense' are unknown"),
        (["--size", "tiny,nonsense"], "problem 'nonsense' is unknown"),
        (["tiny", "--size", "small"], "--size names what is to be timed"),
        (["tiny", "--backend", "nonsense"], "backend 'nonsense' cannot be used here"),
        (["--compare", "absent.json"], "results 'absent.json' cannot be read"),
        (["--compare"], "--compare needs result files"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["bench", *arguments])
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err
