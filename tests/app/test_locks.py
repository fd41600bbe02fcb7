"""Locks and left-overs that are not what a run has made, or whose run may still go on somewhere else."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner
from fixtures.commands import NO_CAMERA, PROGRAM, SIGNALLED, run

from rlcore.app.files.writing.left_overs import work_folders
from rlcore.app.files.writing.owner import Owner
from rlcore.app.files.writing.work_folder import working_on
from rlcore.app.main import main

ENDED = 2**22 + 1
WORK = ".rlcore-work-0123456789ab"


def clean(folder, *options):
    result = CliRunner().invoke(main, ["clean", str(folder), *options])
    assert result.exit_code == 0, result.output
    return result.output


def ours(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".rlcore"))


def killed(files, *options):
    """A run with a checkpoint that is killed while it restores its volume."""
    line = [
        "deconvolve",
        files / "image.tif",
        files / "psf.tif",
        "-o",
        files / "out.tif",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    start = [sys.executable, "-c", SIGNALLED, str(int(signal.SIGKILL)), "45"]
    done = subprocess.run([*start, *map(str, [*line, "-n", "100", *options])], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    return [*files.glob(".rlcore-work-*/owner.json"), *files.glob(".rlcore-lock-*"), *files.glob("state/**/*lock*")]


def change(paths, **entries):
    for path in paths:
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize("place", ["host", "space"])
def test_what_a_run_of_another_host_or_container_holds_stays_until_it_is_forced(files, place):
    options = ("--checkpoint", files / "state", "--memory", "17 MiB", "-n", "100")
    held = killed(files, *options[:4])
    assert len(held) == 4, "a work folder, its lock, and those of the run log and of its volume"
    change(held, **{place: "elsewhere"})
    before = ours(files)
    assert clean(files).count("kept ") == 2
    assert ours(files) == before
    assert "give --force-unlock if it has ended" in run(files, *options).stderr
    assert ours(files) == before
    result = run(files, *options, "--force-unlock")
    assert result.exit_code == 0, result.output
    assert not (files / "state").exists()
    assert (files / "out.tif").exists()


def test_a_checkpoint_of_a_process_that_is_known_to_run_is_not_freed(files):
    options = ("--checkpoint", files / "state", "--memory", "17 MiB", "-n", "100")
    held = killed(files, *options[:4])
    [volume] = [path for path in held if path.parent.name == "volume-0"]
    mine = Owner(output="x")
    entries = json.loads(volume.read_text())
    change([volume], **{name: getattr(mine, name) for name in entries})
    result = run(files, *options, "--force-unlock")
    assert result.exit_code == 2
    assert f"in use by process {os.getpid()} " in result.stderr
    assert volume.exists()


def put(path, kind):
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        # by a short name, since names of sockets have a limit
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    else:
        path.write_text(kind)


KINDS = ["fifo", "folder", "socket", "[" * 100_000, "null", "\x00", '{"pid": 99999999999999999999}']


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[:9])
def test_a_work_folder_whose_owner_is_none_is_passed_over(files, kind):
    (files / WORK).mkdir()
    put(files / WORK / "owner.json", kind)
    assert run(files).exit_code == 0
    assert "it does not say whose it is" in clean(files, "--force")
    assert os.path.lexists(files / WORK / "owner.json")


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[:9])
@pytest.mark.parametrize("which", ["output", "run log", "volume"])
def test_a_lock_that_is_none_is_told_in_one_sentence(files, kind, which):
    path = files / "state" / ("run.lock" if which == "run log" else "volume-0/lock-0123456789abcdef.json")
    if which == "output":
        with working_on(files / "out.tif"):
            [path] = files.glob(".rlcore-lock-*")
    elif which == "run log":
        path.parent.mkdir()
    else:
        for left in killed(files, "--checkpoint", files / "state"):
            left.unlink()
    put(path, kind)
    result = run(files, "-n", "100", "--checkpoint", files / "state")
    assert result.exit_code in (1, 2)
    [line] = [line for line in result.stderr.splitlines() if line.startswith("error")]
    assert repr(str(path)) in line
    assert os.path.lexists(path)
    assert not (files / "out.tif").exists()
    clean(files)


def test_a_copy_of_a_work_folder_and_names_that_lead_elsewhere_are_nobodys(tmp_path):
    owner = Owner(output="a.tif", folder=WORK, pid=ENDED)
    (tmp_path / WORK).mkdir()
    copy = tmp_path / ".rlcore-work-copy"
    copy.mkdir()
    for folder in (tmp_path / WORK, copy):
        (folder / "owner.json").write_text(owner.to_json())
    assert dict(work_folders(tmp_path)) == {tmp_path / WORK: owner, copy: None}
    for name in ("../a.tif", "/a.tif", "..", ".", "", "a\0"):
        text = json.dumps(json.loads(owner.to_json()) | {"output": name})
        assert Owner.parse(text) is None


@pytest.mark.parametrize("text", [None, "", "{\n", "part", "whole"])
def test_a_work_folder_that_was_never_finished_goes(files, text):
    (files / WORK).mkdir()
    whole = Owner(output="other.tif", folder=WORK, pid=ENDED).to_json()
    for remove in (lambda: clean(files), lambda: run(files, "--force")):
        (files / WORK).mkdir(exist_ok=True)
        if text is not None:
            (files / WORK / "owner.json.ab_d1234").write_text({"whole": whole, "part": whole[:40]}.get(text, text))
        assert f"would remove {str(files / WORK)!r}" in clean(files, "--dry-run")
        assert (files / WORK).exists()
        remove()
        assert ours(files) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("owner.json.ab_d1234", Owner(output="a.tif").to_json()),
        ("owner.json.ab_d1234", Owner(output="a.tif", host="elsewhere").to_json()),
        ("owner.json.backup12", "mine"),
        ("owner.json.bak", ""),
        ("photo.tif", ""),
    ],
)
def test_a_work_folder_of_a_run_that_goes_on_or_of_a_stranger_stays(files, name, text):
    (files / WORK).mkdir()
    (files / WORK / name).write_text(text)
    assert run(files).exit_code == 0
    clean(files, "--force")
    assert (files / WORK / name).read_text() == text


@pytest.mark.parametrize("call", ["os.mkdir", "tempfile.mkstemp", "os.fsync"])
def test_a_run_whose_unfinished_work_folder_was_removed_makes_another(tmp_path, monkeypatch, call):
    """A run beside it took it for one of a killed run."""
    module, _, name = call.partition(".")
    module = sys.modules[module]
    function, seen = getattr(module, name), []

    def removed(*arguments, **options):
        result = function(*arguments, **options)
        if not seen:
            [work] = tmp_path.glob(".rlcore-work-*")
            seen.append(work)
            shutil.rmtree(work)
        return result

    monkeypatch.setattr(module, name, removed)
    with working_on(tmp_path / "a.txt") as work:
        assert work.path != seen[0]
        work.result.write_text("new")
        work.publish(force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_run_that_is_killed_while_it_makes_its_work_folder_leaves_what_the_next_one_removes(files):
    line = [
        "deconvolve",
        files / "image.tif",
        files / "psf.tif",
        "-o",
        files / "out.tif",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    dies = "import os, pathlib; pathlib.Path.replace = lambda *_: os.kill(os.getpid(), 9)\n" + PROGRAM
    done = subprocess.run([sys.executable, "-c", dies, *map(str, line)], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    [work] = files.glob(".rlcore-work-*")
    assert [path.name.startswith("owner.json.") for path in work.iterdir()] == [True]
    assert run(files).exit_code == 0
    assert ours(files) == []
