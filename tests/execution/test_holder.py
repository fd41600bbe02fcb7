"""Holders of locks: whatever is not known of a process counts in its favour."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlcore.execution import holder
from rlcore.execution.holder import Holder, start_of

ENDED = 2**22 + 1
"""A number that no process of Linux has."""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")


def other(**known):
    return dataclasses.replace(Holder(), **known)


def text(**changed):
    return json.dumps(dataclasses.asdict(Holder()) | changed)


def test_this_process_runs_and_one_without_a_number_has_ended():
    assert Holder().runs
    assert not Holder().gone
    assert other(pid=ENDED).gone
    assert Holder.parse(text()) == Holder()


@on_linux
@pytest.mark.parametrize(
    ("place", "value"), [("host", "elsewhere"), ("machine", "elsewhere"), ("space", "elsewhere"), ("space", "")]
)
def test_of_another_host_or_container_nothing_is_known(place, value):
    there = other(pid=ENDED, **{place: value})
    assert not there.gone
    assert not there.runs
    assert not other(**{place: value}).runs
    assert (" in another container on host " in str(there)) is ((place, value) == ("space", "elsewhere"))


@on_linux
def test_where_this_process_knows_no_container_nothing_is_known(monkeypatch):
    there = other(pid=ENDED)
    monkeypatch.setattr(holder, "_target", lambda _: "")
    assert not there.gone
    assert not other(pid=ENDED).gone


@on_linux
def test_a_host_that_was_started_again_ended_all(monkeypatch):
    assert other(boot="another").gone
    assert not other(boot="", pid=ENDED).gone
    there = other(pid=ENDED)
    monkeypatch.setattr(holder, "_BOOT", "/nowhere")
    assert not there.gone


@on_linux
@pytest.mark.parametrize(("error", "found"), [(PermissionError, ""), (None, ""), (ProcessLookupError, None)])
def test_a_process_that_the_system_hides_is_asked_for(monkeypatch, error, found):
    """As /proc mounted with hidepid=2 hides those of other users."""
    read, there = holder._text, other(pid=12345, start="7")

    def kill(pid, number):
        assert number == 0
        if error is not None:
            raise error

    monkeypatch.setattr(holder, "_text", lambda path: "" if path == "/proc/12345/stat" else read(path))
    monkeypatch.setattr(os, "kill", kill)
    assert start_of(12345) == found
    assert there.gone is (found is None)
    assert not there.runs


@on_linux
def test_a_list_of_processes_that_is_another_containers_is_not_read(monkeypatch):
    target = holder._target
    monkeypatch.setattr(holder, "_target", lambda link: "999999" if link == "/proc/self" else target(link))
    assert start_of(os.getpid()) == ""
    assert start_of(ENDED) is None
    assert not Holder().gone


@on_linux
def test_a_container_beside_neither_takes_nor_frees_what_runs(tmp_path):
    program = (
        "import sys; from rlcore.execution.holder import Holder; there = Holder.parse(sys.stdin.read()); "
        "print(there.gone, there.runs, Holder().runs)"
    )
    line = ["unshare", "-r", "-p", "-f", "--mount-proc", sys.executable, "-c", program]
    try:
        done = subprocess.run(line, input=text(), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system makes no containers for its users")
    assert done.stdout.split() == ["False", "False", "True"]


@pytest.mark.parametrize(
    "said",
    [
        "", "null", "[]", "{}", "7", "NaN", "[" * 100_000, '{"pid": ' * 50_000, "\ud800",
        text(pid="1"), text(pid=True), text(pid=1.0), text(pid=float("nan")), text(pid=2**70), text(pid=-1),
        text(pid=0), text(host=None), text(host=7), text(since="then\nerror: all is lost"),
        text(start=[1]), text(space={}),
    ],
)  # fmt: skip
def test_what_names_no_process_is_none(said):
    assert Holder.parse(said) is None
    assert Holder.parse(said.encode("utf-8", "surrogatepass")) is None


def test_texts_of_others_are_one_printable_line():
    there = Holder.parse(text(host="\ud800\n\x1b[31m"))
    assert str(there).isprintable()
    str(there).encode()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_a_process_that_nobody_waits_for_has_ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_of(process.pid) is None
    process.wait()
