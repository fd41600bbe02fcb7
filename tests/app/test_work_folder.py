"""Everything that a run makes is in its work folder, which nobody else uses; one run writes an output at a time."""

import dataclasses
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.commands import IMAGE, NO_CAMERA, PROGRAM, run

from rlcore.app.files.writing import work_folder
from rlcore.app.files.writing.lock import Lock
from rlcore.app.files.writing.owner import Owner
from rlcore.app.files.writing.work_folder import working_on
from rlcore.app.main import main
from rlcore.errors import OutputError

HELPERS = ("partial", "old", "decoded.npy", "decoded.new", "float32.npy", "float32.new", "lock")


def command(folder, *options, output="out.tif", program=PROGRAM):
    files = [str(folder / name) for name in ("image.tif", "psf.tif")]
    line = [
        "deconvolve",
        *files,
        "-o",
        str(folder / output),
        "--backend",
        "numpy",
        *NO_CAMERA,
        *map(str, options),
    ]
    return [sys.executable, "-c", program, *line]


def started(folder, *options, output="out.tif", pattern=".rlcore-work-*/result"):
    """The program, running for long, once it has made its result."""
    process = subprocess.Popen(
        command(folder, "-n", "100000", *options, output=output), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not any(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def killed(folder, *options, **names):
    process = started(folder, *options, **names)
    process.kill()
    process.communicate(timeout=60)
    [work] = folder.glob(".rlcore-work-*")
    return work


def ours(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".rlcore"))


def clean(folder, *options):
    result = CliRunner().invoke(main, ["clean", str(folder), *options])
    assert result.exit_code == 0, result.output
    return result.output


def change(work, **entries):
    """Makes a work folder, and locks beside it, say something else of their owner."""
    for path in (work / "owner.json", *work.parent.glob(".rlcore-lock-*")):
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize("output", ["out.tif", "out.npy", "out.zarr"])
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_files_that_have_names_like_helpers_stay(files, output, dtype):
    if output.endswith("zarr"):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    tifffile.imwrite(files / "image.tif", IMAGE, compression="zlib", metadata={"axes": "ZYX"})
    mine = [files / f"{output}.{helper}" for helper in HELPERS] + [
        files / helper for helper in ("result", "owner.json")
    ]
    for path in mine:
        path.write_text("mine")
    for force in ((), ("--force",)):
        assert run(files, "--dtype", dtype, "--memory", "17 MiB", *force, output=output).exit_code == 0
    assert all(path.read_text() == "mine" for path in mine)
    assert ours(files) == []


@pytest.mark.parametrize("helper", HELPERS)
def test_an_input_that_has_a_name_like_a_helper_is_read_and_stays(files, helper):
    name = f"out.npy.{helper}.npy" if not helper.endswith("npy") else f"out.npy.{helper}"
    np.save(files / name, IMAGE)
    assert run(files, image=name, output="out.npy").exit_code == 0
    assert np.array_equal(np.load(files / name), IMAGE)


def test_links_are_followed_and_stay(files):
    (files / "far").mkdir()
    (files / "out.tif").symlink_to("far/real.tif")
    assert run(files).exit_code == 0
    assert (files / "out.tif").is_symlink()
    assert (files / "far" / "real.tif").is_file()
    again = run(files)
    assert again.exit_code == 2
    assert "exists; give --force to replace it" in again.stderr
    (files / "out.tif").unlink()
    (files / "out.tif").symlink_to("nowhere/real.tif")
    assert "does not exist; make it first" in run(files, "--force").stderr


@pytest.mark.parametrize("kind", ["folder", "fifo", "other.zarr"])
def test_only_an_output_of_its_kind_is_replaced(files, kind):
    output = "out.zarr" if kind == "other.zarr" else "out.tif"
    path = files / output
    os.mkfifo(path) if kind == "fifo" else path.mkdir()
    result = run(files, "--force", output=output)
    assert result.exit_code == 2
    assert f"output {str(path)!r} " in result.stderr
    assert path.exists()
    assert ours(files) == []


def test_an_output_of_the_longest_name(files):
    name = "o" * 251 + ".tif"
    assert run(files, output=name).exit_code == 0
    assert (files / name).exists()


def test_a_file_that_appears_during_the_run_is_not_replaced(files, monkeypatch):
    from rlcore.app.series_run import SeriesRun

    fill = SeriesRun._fill

    def appears(self, *arguments, **options):
        fill(self, *arguments, **options)
        (files / "out.tif").write_text("mine")

    monkeypatch.setattr(SeriesRun, "_fill", appears)
    result = run(files)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    [work] = files.glob(".rlcore-work-*")
    assert "cannot have its name: it has appeared since the run began; the result is complete in " in line
    assert str(work / "result") in line
    assert (files / "out.tif").read_text() == "mine"
    monkeypatch.undo()
    # neither the next run nor `clean` takes away what is complete
    assert run(files, "--force").exit_code == 0
    assert "it holds the complete result" in clean(files)
    assert np.array_equal(tifffile.imread(work / "result"), tifffile.imread(files / "out.tif"))
    assert "removed " in clean(files, "--force")
    assert ours(files) == []


def test_a_group_that_got_more_than_an_image_during_the_run_is_not_replaced(files, monkeypatch):
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    from rlcore.app.series_run import SeriesRun

    assert run(files, output="out.zarr").exit_code == 0
    fill = SeriesRun._fill

    def appears(self, *arguments, **options):
        fill(self, *arguments, **options)
        (files / "out.zarr" / "notes.txt").write_text("mine")

    monkeypatch.setattr(SeriesRun, "_fill", appears)
    assert run(files, "--force", output="out.zarr").exit_code == 1
    assert (files / "out.zarr" / "notes.txt").read_text() == "mine"


def test_a_second_run_of_an_output_is_refused_with_who_holds_it(files):
    (files / "link.tif").symlink_to("out.tif")
    process = started(files)
    for output in ("out.tif", "link.tif"):
        result = run(files, "--force-unlock", output=output)
        assert result.exit_code == 1
        [line] = result.stderr.splitlines()
        assert f"is being written by process {process.pid} on host " in line
        assert line.endswith("; wait for it, or stop it")
    assert run(files, output="other.tif").exit_code == 0
    before = ours(files)
    assert len(before) == 2
    assert clean(files, "--force").count("kept ") == 2
    assert ours(files) == before
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert ours(files) == []


def test_two_runs_at_once_never_mix(files):
    line = command(files, "-n", "3")
    runs = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [run.communicate(timeout=120)[1] for run in runs]
    codes = [run.returncode for run in runs]
    assert 0 in codes, said
    assert set(codes) <= {0, 1, 2}
    assert sum(code == 0 for code in codes) == 1
    assert ours(files) == []


def test_two_runs_of_a_checkpoint_are_refused_too(files):
    options = ("--checkpoint", files / "state")
    process = started(files, *options, pattern="state/run.json")
    result = run(files, *options, output="other.tif")
    assert result.exit_code == 1
    assert f"checkpoint {str(files / 'state')!r} is being written by process {process.pid}" in result.stderr
    process.kill()
    process.communicate(timeout=60)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_the_next_run_of_an_output_removes_what_a_killed_one_left(files, dtype):
    work = killed(
        files, "--dtype", dtype, pattern=".rlcore-work-*/" + ("result" if dtype == "float32" else "float32.npy")
    )
    assert run(files, output="other.tif").exit_code == 0
    assert work.exists()
    assert run(files).exit_code == 0
    assert ours(files) == []
    assert not list(files.glob("*.tif.*"))


def test_clean_removes_what_a_killed_run_left_and_says_so(files):
    work = killed(files)
    assert f"would remove {str(work)!r}, of output 'out.tif'" in clean(files, "--dry-run")
    assert work.exists()
    (work / "notes.txt").write_text("mine")
    assert "it holds something that no run has made" in clean(files)
    assert [path.name for path in work.iterdir() if path.name != "owner.json"] == ["notes.txt"]
    (work / "notes.txt").unlink()
    clean(files)
    assert ours(files) == []
    assert "nothing of killed runs is in " in clean(files)


def test_clean_leaves_what_only_looks_like_ours(files):
    (files / ".rlcore-work-mine").mkdir()
    (files / ".rlcore-work-mine" / "photos.tif").write_text("mine")
    (files / ".rlcore-work-link").symlink_to(files)
    (files / ".rlcore-lock-mine").write_text("mine")
    (files / ".rlcore-work-0123456789ab").mkdir()
    clean(files, "--force")
    assert ours(files) == [".rlcore-lock-mine", ".rlcore-work-link", ".rlcore-work-mine"]
    assert (files / ".rlcore-work-mine" / "photos.tif").read_text() == "mine"
    assert CliRunner().invoke(main, ["clean", str(files / "nowhere")]).exit_code == 2


def test_a_run_on_another_host_keeps_its_lock_until_it_is_forced(files):
    work = killed(files)
    change(work, host="elsewhere")
    result = run(files)
    assert result.exit_code == 1
    assert "on host 'elsewhere', since " in result.stderr
    assert result.stderr.endswith("; wait for it, or give --force-unlock if it has ended\n")
    assert clean(files).count("kept ") == 2
    assert run(files, "--force-unlock").exit_code == 0
    assert ours(files) == [work.name]
    clean(files, "--force")
    assert ours(files) == []


def test_a_process_of_the_same_number_that_began_later_is_another(files):
    work = killed(files)
    change(work, pid=os.getpid())
    assert run(files).exit_code == 0
    assert ours(files) == []


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"pid": "x"}', "\udcff"])
def test_a_lock_that_says_nothing_is_taken_by_force_only(files, content):
    with working_on(files / "out.tif"):
        [lock] = files.glob(".rlcore-lock-*")
    lock.write_text(content, errors="surrogateescape")
    result = run(files)
    assert result.exit_code == 1
    assert "does not say for whom; give --force-unlock if no other run writes it" in result.stderr
    assert run(files, "--force-unlock").exit_code == 0
    assert ours(files) == []


def test_a_lock_that_is_a_link_is_not_followed(files):
    with working_on(files / "out.tif"):
        [lock] = files.glob(".rlcore-lock-*")
    (files / "precious").write_text("mine")
    lock.symlink_to("precious")
    result = run(files, "--force-unlock")
    assert result.exit_code == 1
    assert "move it away" in result.stderr
    assert (files / "precious").read_text() == "mine"


def test_a_run_whose_lock_was_taken_by_force_does_not_replace_the_output(tmp_path):
    output = tmp_path / "out.tif"
    with working_on(output) as first:
        first.result.write_text("first")
        [lock] = tmp_path.glob(".rlcore-lock-*")
        lock.write_text(dataclasses.replace(first.owner, host="elsewhere").to_json())
        with working_on(output, force_unlock=True) as second:
            second.result.write_text("second")
            with pytest.raises(OutputError, match="another run has taken its lock by force"):
                first.publish(force=True)
            second.publish(force=True)
    assert output.read_text() == "second"


def test_a_stale_lock_is_taken_by_one_of_many(tmp_path):
    """All find the same stale lock at the same moment."""
    program = (
        "import sys, time; from pathlib import Path; from rlcore.app.files.writing.work_folder import working_on\n"
        "with working_on(Path(sys.argv[1])): print('has it', flush=True); sys.stdin.read()"
    )
    with working_on(tmp_path / "out.tif"):
        [lock] = tmp_path.glob(".rlcore-lock-*")
        text = lock.read_text()
    lock.write_text(json.dumps(json.loads(text) | {"pid": 2**22 + 1}))
    line = [sys.executable, "-c", program, str(tmp_path / "out.tif")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen(line, **pipes) for _ in range(4)]
    winners = 0
    deadline = time.monotonic() + 60
    while sum(each.poll() is None for each in runs) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    for each in runs:
        out, _ = each.communicate("", timeout=60)
        winners += "has it" in out
    assert winners == 1
    assert ours(tmp_path) == []


def test_a_replaced_group_comes_back_if_the_run_is_killed_between_the_names(files, monkeypatch):
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    assert run(files, output="out.zarr").exit_code == 0
    dies = (
        "import os, pathlib, sys; rename = pathlib.Path.rename\n"
        "def once(self, target):\n"
        "    rename(self, target)\n"
        "    if pathlib.Path(target).name == 'old': os.kill(os.getpid(), 9)\n"
        "pathlib.Path.rename = once\n" + PROGRAM
    )
    done = subprocess.run(command(files, "-n", "2", "--force", output="out.zarr", program=dies), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (files / "out.zarr").exists()
    again = run(files, output="out.zarr")
    assert again.exit_code == 2
    assert "exists; give --force to replace it" in again.stderr
    clean(files, "--force")
    assert (files / "out.zarr" / "zarr.json").exists()
    assert ours(files) == []


def test_a_signal_that_is_ignored_stays_ignored(files):
    """As nohup and shells have it."""
    program = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " + PROGRAM
    process = subprocess.Popen(command(files, "-n", "300", program=program), stderr=subprocess.PIPE, text=True)
    while not any(files.glob(".rlcore-work-*/result")):
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said


def full_from_the_naming_on(monkeypatch, refusal=None):
    """Has the disk without room for any small file once the result is complete; renaming may be refused too."""
    publish, rename = work_folder.WorkFolder.publish, work_folder.WorkFolder._rename

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def renames(work, force):
        if refusal is not None:
            raise refusal()
        rename(work, force)

    def publishes(work, *, force):
        monkeypatch.setattr(work_folder, "write_whole", full)
        publish(work, force=force)

    monkeypatch.setattr(work_folder.WorkFolder, "_rename", renames)
    monkeypatch.setattr(work_folder.WorkFolder, "publish", publishes)


class TestTheDisk:
    @pytest.mark.parametrize(("dtype", "bytes_"), [("float32", 4), ("uint16", 6)])
    def test_room_is_asked_for_all_that_is_written(self, files, monkeypatch, dtype, bytes_):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
        plane = np.ones((2, 600, 520), np.uint16)
        tifffile.imwrite(files / "image.tif", plane, metadata={"axes": "ZYX"})
        usage = shutil.disk_usage(files)
        needed = 2 * (600 * 520 + 300 * 260 + 150 * 130) * (4 if dtype == "float32" else 2)
        needed += plane.size * 4 * (dtype == "uint16") + (4 << 20)
        for free, code in ((needed - 1, 2), (needed, 0)):
            monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
            options = ("--dtype", dtype, "--report", files / "report.png", "-n", "1")
            result = run(files, *options, output="out.zarr")
            assert result.exit_code == code, result.output
        assert ours(files) == []

    def test_room_is_held_where_the_system_cannot_reserve_it(self, files, monkeypatch):
        def cannot(*_):
            raise OSError(errno.EOPNOTSUPP, "not here")

        monkeypatch.setattr(os, "posix_fallocate", cannot)
        from rlcore.execution.durable import reserve

        path = files / "sparse"
        with path.open("wb") as file:
            file.write(b"head")
            file.truncate(3 << 20)
        reserve(path)
        assert path.read_bytes() == b"head" + bytes((3 << 20) - 4)
        assert path.stat().st_blocks * 512 >= 3 << 20

    @pytest.mark.parametrize("output", ["out.zarr", "out.tif"])
    def test_a_disk_that_fills_up_midway_leaves_the_checkpoint_and_says_how_to_go_on(self, files, output, monkeypatch):
        if output.endswith("zarr"):
            pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
        from rlcore.app import series_run

        stack = np.stack([IMAGE, IMAGE // 2, IMAGE + 1])
        tifffile.imwrite(files / "image.tif", stack, imagej=True, metadata={"axes": "TZYX"})
        options = ("--checkpoint", files / "state")
        restore, seen = series_run.SeriesRun._restore, []

        def full(self, *arguments):
            seen.append(1)
            if len(seen) == 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "chunk")
            restore(self, *arguments)

        monkeypatch.setattr(series_run.SeriesRun, "_restore", full)
        result = run(files, *options, output=output)
        assert result.exit_code == 1
        [line] = result.stderr.splitlines()
        assert "cannot be finished: No space left on device at 'chunk'; free some space and resume from" in line
        assert not (files / output).exists()
        monkeypatch.undo()
        seen.clear()
        monkeypatch.setattr(series_run.SeriesRun, "_restore", lambda *a: (seen.append(1), restore(*a)))
        assert run(files, *options, output=output).exit_code == 0
        assert len(seen) == 1
        assert not (files / "state").exists()
        assert ours(files) == []

    @pytest.mark.parametrize("output", ["out.zarr", "out.tif", "out.npy"])
    @pytest.mark.parametrize("dtype", ["float32", "uint16"])
    def test_files_that_may_not_grow_end_in_one_sentence(self, files, output, dtype):
        if output.endswith("zarr"):
            pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
        limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (11_000, 11_000)); " + PROGRAM
        done = subprocess.run(
            command(files, "-n", "2", "--dtype", dtype, output=output, program=limited),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (1, 2)
        [line] = done.stderr.splitlines()
        assert "File too large" in line
        assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif"}

    @pytest.mark.parametrize("output", ["out.tif", "out.npy", "out.zarr", "out.ozx"])
    def test_without_room_for_a_note_a_complete_result_still_has_its_name(self, files, output, monkeypatch):
        if output.endswith(("zarr", "ozx")):
            pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
        full_from_the_naming_on(monkeypatch)
        result = run(files, output=output)
        assert result.exit_code == 0, result.output
        assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif", output}

    @pytest.mark.parametrize("output", ["out.tif", "out.npy", "out.ozx"])
    def test_without_room_and_without_its_name_a_complete_result_is_where_the_message_says(
        self, files, output, monkeypatch
    ):
        if output.endswith("ozx"):
            pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
        (files / output).write_text("old")
        full_from_the_naming_on(monkeypatch, lambda: OSError(errno.EACCES, os.strerror(errno.EACCES)))
        result = run(files, "--force", output=output)
        assert result.exit_code == 1
        [work] = files.glob(".rlcore-work-*")
        assert f"Permission denied; the result is complete in '{work / 'result'}'" in result.stderr
        assert (work / "result").stat().st_size > IMAGE.nbytes
        # nothing else takes room: not what an archive was packed from
        assert {path.name for path in work.iterdir()} == {"owner.json", "result"}
        assert (files / output).read_text() == "old"

    def test_a_report_that_cannot_be_written_leaves_the_result(self, files, monkeypatch):
        from rlcore.app.before_after import write

        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(write, "_content", full)
        result = run(files, "--report", files / "report.html")
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].endswith("No space left on device; the result is complete")
        assert (files / "out.tif").exists()
        assert not (files / "report.html").exists()
        assert ours(files) == []


class TestTheCheckpoint:
    OPTIONS = ("-n", "4", "--memory", "17 MiB")

    def again(self, files, *options, program=PROGRAM):
        line = command(files, *self.OPTIONS, "--checkpoint", files / "state", *options, program=program)
        return subprocess.run(line, capture_output=True, text=True, check=False)

    def dies_at(self, files, call, *options):
        """The program, killed when it calls a method for the first time."""
        module, _, method = call.partition("/")
        name, _, method = method.partition(":")
        program = (
            f"import os; from {module} import {name}; {name}.{method} = lambda *a, **k: os.kill(os.getpid(), 9); "
            + PROGRAM
        )
        done = self.again(files, *options, program=program)
        assert done.returncode == -signal.SIGKILL, done.stderr

    @pytest.mark.parametrize(
        ("call", "dtype"),
        [
            ("rlcore.app.files.writing.output/Mapped:finish", "float32"),
            ("rlcore.app.run_log/RunLog:reach", "float32"),
            ("rlcore.execution.checkpoint/Checkpoint:remove", "float32"),
            ("rlcore.app.run_log/RunLog:complete", "float32"),
            ("rlcore.app.run_log/RunLog:complete", "uint16"),
            ("rlcore.app.files.writing.work_folder/WorkFolder:publish", "float32"),
            ("rlcore.app.files.writing.work_folder/WorkFolder:_rename", "uint16"),
            ("rlcore.app.run_log/RunLog:remove", "float32"),
            ("rlcore.app.run_log/RunLog:remove", "uint16"),
        ],
    )
    def test_killed_at_the_very_end_no_finished_work_is_lost(self, files, call, dtype):
        self.dies_at(files, call, "--dtype", dtype)
        no_sweep = "import rlcore.execution.engine as engine; engine.Engine.sweep = None; " + PROGRAM
        done = self.again(files, "--dtype", dtype, program=no_sweep)
        assert done.returncode == 0, done.stderr
        assert not (files / "state").exists()
        assert ours(files) == []
        assert run(files, "-n", "4", "--memory", "17 MiB", "--dtype", dtype, output="whole.tif").exit_code == 0
        assert np.array_equal(tifffile.imread(files / "out.tif"), tifffile.imread(files / "whole.tif"))

    def test_a_run_that_had_its_name_only_cleans_up(self, files):
        self.dies_at(files, "rlcore.app.run_log/RunLog:remove")
        before = (files / "out.tif").stat()
        assert self.again(files).returncode == 0
        assert (files / "out.tif").stat().st_ino == before.st_ino
        assert (files / "out.tif").stat().st_mtime_ns == before.st_mtime_ns

    def test_another_file_of_the_outputs_name_is_not_taken_for_it(self, files):
        self.dies_at(files, "rlcore.app.run_log/RunLog:remove")
        (files / "out.tif").unlink()
        (files / "out.tif").write_text("mine")
        result = run(files, "--checkpoint", files / "state")
        assert result.exit_code == 2
        assert (files / "out.tif").read_text() == "mine"

    def test_a_strangers_file_in_it_stays_with_its_folder(self, files):
        self.dies_at(files, "rlcore.app.run_log/RunLog:reach")
        (files / "state" / "notes.txt").write_text("mine")
        done = self.again(files)
        assert done.returncode == 0
        assert "stays, since it holds 'notes.txt', which the run has not made" in done.stderr
        assert [path.name for path in (files / "state").iterdir()] == ["notes.txt"]

    def test_a_strangers_folder_is_refused(self, files):
        (files / "state").mkdir()
        (files / "state" / "thesis.txt").write_text("mine")
        result = run(files, "--checkpoint", files / "state")
        assert result.exit_code == 2
        assert "holds 'thesis.txt', no run of files; name another" in result.stderr
        assert [path.name for path in (files / "state").iterdir()] == ["thesis.txt"]
        assert ours(files) == []

    def test_a_search_for_the_number_of_iterations_among_volumes_is_resumed(self, files):
        """The plan of the volume is that of its checkpoint, with the number that was found."""
        stack = np.stack([IMAGE, IMAGE // 2])
        tifffile.imwrite(files / "image.tif", stack, imagej=True, metadata={"axes": "TZYX"})
        self.dies_at(files, "rlcore.execution.checkpoint/Checkpoint:remove", "-n", "auto")
        done = self.again(files, "-n", "auto")
        assert done.returncode == 0, done.stderr
        assert ours(files) == []

    def test_clean_keeps_what_a_checkpoint_resumes_from(self, files):
        self.dies_at(files, "rlcore.app.run_log/RunLog:complete")
        assert f"the run of checkpoint {str(files / 'state')!r} resumes from it" in clean(files)
        # nor does a run without the checkpoint
        assert run(files).exit_code == 0
        assert len(list(files.glob(".rlcore-work-*"))) == 1
        shutil.rmtree(files / "state")
        clean(files)
        assert ours(files) == []


def test_an_owner_that_is_no_owner_is_none():
    owner = Owner(output="a.tif")
    assert Owner.parse(owner.to_json()) == owner
    for text in ("", "null", "[]", "{}", owner.to_json().replace(f'"pid": {owner.pid}', '"pid": "1"')):
        assert Owner.parse(text) is None
    assert owner.runs
    assert not owner.gone
    assert dataclasses.replace(owner, pid=2**22 + 1).gone


def test_locks_work_where_files_cannot_be_linked(tmp_path, monkeypatch):
    def cannot(*_):
        raise OSError(errno.EPERM, "not here")

    monkeypatch.setattr(os, "link", cannot)
    owner = Owner(output="a.tif", folder="x")
    lock = Lock(tmp_path / "lock", tmp_path, owner, "output 'a.tif'")
    assert lock.held
    with pytest.raises(OutputError, match=r"output 'a\.tif' is being written by process "):
        Lock(tmp_path / "lock", tmp_path, dataclasses.replace(owner, folder="y"), "output 'a.tif'")
    lock.release()
    assert list(tmp_path.iterdir()) == []
    with work_folder.working_on(tmp_path / "a.txt") as work:
        work.result.write_text("new")
        work.publish(force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_demo_does_not_replace_files_of_its_names(files):
    result = CliRunner().invoke(main, ["demo", "--output", str(files)])
    assert result.exit_code == 2
    assert "holds 'image.tif', which no demo has made; name another by --output" in result.stderr
    assert np.array_equal(tifffile.imread(files / "image.tif"), IMAGE)
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif"}
