"""Backends that hang, crash or end the process on import: each is told in time, and disturbs no other."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fixtures.sites import put

import rlcore
from rlcore.backend.discovery.apart import ask_apart
from rlcore.backend.discovery.plugins import contained
from rlcore.backend.discovery.registry import BACKENDS, ask
from rlcore.errors import BackendError

DEADLY = {
    "hangs": ("import time\ntime.sleep(1000)\n", "gave no answer within 3 s"),
    "leaves": ("import os\nos._exit(0)\n", "ended its process with exit code 0 and gave no answer"),
    "crashes": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "ended its process by SIGSEGV"),
    "floods": ("while True: print('x' * 10000, flush=True)\n", "gave no answer within 3 s"),
    "starts": ("import time\ndef make(device): time.sleep(1000)\n", "gave no answer within 3 s"),
    "exits": ("raise SystemExit(0)\n", "cannot be imported: SystemExit: 0"),
    "quits": ("raise GeneratorExit\n", "cannot be imported: GeneratorExit"),
    "interrupts": ("raise KeyboardInterrupt\n", "cannot be imported: KeyboardInterrupt"),
}


def asked(name, seconds=3.0):
    return ask_apart(name, dict(BACKENDS.by_name())[name], seconds)


@pytest.mark.parametrize("name", DEADLY)
def test_whatever_a_backend_does_to_its_process_it_is_told_as_broken(site, name):
    source, reason = DEADLY[name]
    put(site, name, source)
    finding = asked(name)
    assert (finding.state, finding.distribution) == ("broken", f"rlcore-{name} 1.2")
    assert reason in finding.reason or "gave no answer within 3 s" in finding.reason
    assert f"backend '{name}' of rlcore-{name} 1.2" in finding.reason


def test_processes_that_a_backend_started_end_with_it(site, tmp_path):
    mark = tmp_path / "pid"
    put(
        site,
        "spawns",
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        f"pathlib.Path({str(mark)!r}).write_text(str(child.pid))\ntime.sleep(1000)\n",
    )
    asked("spawns", 5.0)
    if not mark.exists():
        pytest.skip("this machine is too busy to start two processes within 5 s")
    for _ in range(100):
        if _is_gone(int(mark.read_text())):
            return
        time.sleep(0.1)
    pytest.fail("its process goes on")


def _is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # a process that nobody has waited for yet is a zombie
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_one_that_works_answers_as_in_this_process():
    apart, here = asked("numpy", 60.0), ask("numpy", dict(BACKENDS.by_name())["numpy"])
    assert (apart.state, apart.device, apart.distribution) == (here.state, here.device, here.distribution)
    assert apart.memory > 0


def test_a_survey_with_a_time_limit_needs_no_guard_in_the_callers_script(site, tmp_path):
    put(site, "leaves", DEADLY["leaves"][0])
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(site)!r})\nimport rlcore\nprint('once')\n"
        "from rlcore.backend.discovery import plugins\n"
        "entries = plugins._installed('rlcore.backends', ())\n"
        "plugins._installed = lambda *_: [e for e in entries if e.name in ('leaves', 'numpy')]\n"
        "print(*[(f.name, f.state) for f in rlcore.survey(60)])\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.splitlines() == ["once", "('leaves', 'broken') ('numpy', 'usable')"]


@pytest.mark.parametrize("name", ["exits", "quits", "interrupts"])
def test_a_run_names_the_distribution_of_one_that_ends_on_import(site, name):
    put(site, name, DEADLY[name][0])
    with pytest.raises(BackendError, match=f"backend '{name}' of rlcore-{name} 1.2 cannot be imported: "):
        rlcore.load_backend(name)
    assert ask(name, dict(BACKENDS.by_name())[name]).state == "broken"


def test_an_error_whose_text_cannot_be_made_and_one_of_several_lines_are_one_line(site):
    put(site, "mute", "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n")
    put(site, "chatty", "raise OSError('one\\n  two\\nthree')\n")
    for name, text in (("mute", "cannot be imported: E"), ("chatty", "cannot be imported: OSError: one two three")):
        with pytest.raises(BackendError) as told:
            rlcore.load_backend(name)
        assert str(told.value).endswith(text)


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl+C; processes in the background of a shell begin without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_of_the_user_is_no_error_of_the_plugin(interruptible):
    before = interruptible
    with pytest.raises(KeyboardInterrupt), contained(BackendError, "backend"):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(BackendError, match=r"^backend: KeyboardInterrupt$"), contained(BackendError, "backend"):
        raise KeyboardInterrupt
    assert signal.getsignal(signal.SIGINT) is before


def test_in_a_thread_nothing_is_done_to_signals():
    told = []

    def work():
        try:
            with contained(BackendError, "backend"):
                raise KeyboardInterrupt
        except BackendError as error:
            told.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == ["backend: KeyboardInterrupt"]
