"""Plugins that hang in the process of a run: the command line ends them, and a library says who is waited for."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from fixtures.commands import IMAGE, PROGRAM, PSF
from fixtures.sites import put

import rlcore
from rlcore.backend.discovery import patience
from rlcore.backend.discovery.apart import ask_apart
from rlcore.backend.discovery.patience import answering, hangs_end
from rlcore.backend.discovery.registry import BACKENDS
from rlcore.errors import BackendError, InputError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
SLEEPS = "import time\ntime.sleep(1000)\n"
SWALLOWS = """
import time
while True:
    try:
        time.sleep(1000)
    except BaseException:
        pass
"""
HANGS = {
    "on import": (SLEEPS, "cannot be imported: TimeoutError: no answer within 0.5 s; uninstall it, or set "),
    "on start": (
        "import time\ndef make(device): time.sleep(1000)\n",
        "failed to start: TimeoutError: no answer within",
    ),
    "in a loop": ("while True: pass\n", "cannot be imported: TimeoutError: no answer within 0.5 s"),
    "for good": (SWALLOWS, "gave no answer within 0.5 s and cannot be interrupted"),
}


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    np.save(folder / "image.npy", IMAGE)
    np.save(folder / "psf.npy", PSF)
    return folder


def ended(files, site, program):
    """The program, on a backend that hangs, once it has ended."""
    line = ["deconvolve", files / "image.npy", files / "psf.npy", "-o", files / "out.npy", "--backend", "hangs"]
    found = os.pathsep.join([str(site), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, line)], capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"PYTHONPATH": found, "RLCORE_IMPORT_SECONDS": "0.5"},
    )  # fmt: skip


@pytest.mark.parametrize("how", HANGS)
@pytest.mark.parametrize("ignored", [False, True])
def test_a_run_ends_with_one_sentence_and_exit_code_1(files, site, how, ignored):
    source, said = HANGS[how]
    put(site, "hangs", source)
    # as a shell has it for a program in the background
    handler = "signal.SIG_IGN" if ignored else "signal.default_int_handler"
    program = f"import signal; signal.signal(signal.SIGINT, {handler}); {PROGRAM}"
    program = f"from rlcore.backend.discovery import patience; patience._PAUSE = 0.05; {program}"
    done = ended(files, site, program)
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: backend 'hangs' of rlcore-hangs 1.2 ")
    assert said in line
    if how != "for good":
        assert {path.name for path in files.iterdir()} == {"image.npy", "psf.npy"}


def test_one_that_answers_in_time_is_left_alone_and_so_are_signals():
    before = signal.getsignal(signal.SIGINT)
    with hangs_end(), answering("plugin", 60):
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_meanwhile_does_what_it_did_before():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), hangs_end(), answering("plugin", 60):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_library_only_says_who_is_waited_for(caplog):
    with answering("plugin 'slow' of slow 1.0", 0.01):
        deadline = time.monotonic() + 60
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)
    assert caplog.messages == ["plugin 'slow' of slow 1.0 has given no answer for 0.01 s; if it hangs, uninstall it"]


def test_what_hung_in_a_survey_is_not_waited_for_again(site, monkeypatch):
    monkeypatch.setattr(patience, "_silent", {})
    monkeypatch.setenv("RLCORE_IMPORT_SECONDS", "1")
    put(site, "hangs", SLEEPS)
    assert ask_apart("hangs", dict(BACKENDS.by_name())["hangs"], 1.0).state == "broken"
    with pytest.raises(BackendError, match="cannot be imported: TimeoutError: no answer within 1 s when it was asked"):
        rlcore.load_backend("hangs")


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf"])
def test_a_time_limit_that_is_none_is_told(monkeypatch, text):
    monkeypatch.setenv("RLCORE_IMPORT_SECONDS", text)
    with pytest.raises(InputError, match=f"environment variable RLCORE_IMPORT_SECONDS is '{text}'; give a number"):
        rlcore.load_backend("numpy")
