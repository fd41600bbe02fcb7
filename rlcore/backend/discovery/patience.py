"""Time limits of plugins that are loaded in this process, where one that hangs would hold up everything.

The command line ends such a load with an error. Elsewhere the main thread is the caller's, and a warning is logged.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rlcore.errors import InputError

VARIABLE = "RLCORE_IMPORT_SECONDS"
"""Environment variable with the time limit, for file systems from which large libraries are read slowly."""
_SECONDS = 60.0
"""Time limit unless the variable says another; `rlcore backends` waits as long."""
_TRIES, _PAUSE = 20, 0.5
"""Interrupts of a plugin that hangs, and the seconds between them: code outside of Python does not notice them."""

_log = logging.getLogger("rlcore")
_ends: list[bool] = []
"""Not empty while a plugin that hangs is ended."""
_silent: dict[str, float] = {}
"""Plugins that have hung in a process of their own, with the seconds that they had."""


@contextmanager
def hangs_end() -> Iterator[None]:
    """Within it, plugins that give no answer in time are ended; for a program that owns its process."""
    _ends.append(True)
    try:
        yield
    finally:
        _ends.pop()


def limit() -> float:
    """Returns the time limit in seconds; raises InputError if the environment names none that can be used."""
    text = os.environ.get(VARIABLE) or str(_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if 0 < seconds <= threading.TIMEOUT_MAX:
        return seconds
    raise InputError(f"environment variable {VARIABLE} is {text!r}; give a number of seconds above 0")


def remember(called: str, seconds: float) -> None:
    """Notes that a plugin gave no answer in a process of its own, so that nothing waits for it again."""
    _silent[called] = seconds


@contextmanager
def answering(called: str, seconds: float) -> Iterator[None]:
    """Bounds the time of what a plugin does inside it.

    Parameters
    ----------
    called : str
        The plugin with its distribution, in messages.
    seconds : float
        The time limit.

    Raises
    ------
    TimeoutError
        If it is over, within `hangs_end`; or if the plugin is known to hang for as long.
    """
    if _silent.get(called, 0) >= seconds:
        raise TimeoutError(f"no answer within {_silent[called]:g} s when it was asked before")
    watch = _Watch(called, seconds, ends=bool(_ends) and threading.current_thread() is threading.main_thread())
    try:
        yield
    except BaseException as error:
        if watch.expired:
            raise TimeoutError(f"no answer within {seconds:g} s; uninstall it, or set {VARIABLE} to more") from error
        raise
    finally:
        watch.stop()


class _NoAnswer(BaseException):
    """Ends what a plugin does; none that it may expect."""


class _Watch:
    """A thread that waits beside a plugin."""

    def __init__(self, called: str, seconds: float, *, ends: bool) -> None:
        self.expired = False
        self._called, self._seconds, self._ends = called, seconds, ends
        self._answered, self._sending = threading.Event(), threading.Lock()
        if ends:
            self._before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._interrupted)
        self._thread = threading.Thread(target=self._wait, name="rlcore-patience", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._answered.set()
        with self._sending:
            pass  # an interrupt that is on its way arrives while its handler is still there
        if self._ends and signal.getsignal(signal.SIGINT) == self._interrupted:
            signal.signal(signal.SIGINT, self._before)
        self._thread.join()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if not self.expired:
            if callable(self._before):
                self._before(number, frame)
        elif not self._answered.is_set():
            raise _NoAnswer

    def _wait(self) -> None:
        if self._answered.wait(self._seconds):
            return
        if not self._ends:
            _log.warning("%s has given no answer for %g s; if it hangs, uninstall it", self._called, self._seconds)
            return
        self.expired = True
        for _ in range(_TRIES):
            with self._sending:
                if not self._answered.is_set():
                    _interrupt_main_thread()
            if self._answered.wait(_PAUSE):
                return
        # without cleaning up: the main thread does not come back, and the next run removes what this one leaves
        sys.stderr.write(f"error: {self._called} gave no answer within {self._seconds:g} s and cannot be interrupted\n")
        sys.stderr.flush()
        os._exit(1)


def _interrupt_main_thread() -> None:
    # wakes it from waiting too, which `raise_signal` does not do from another thread
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
