"""Interruption by signals: they end a command in order; of a run the first stops it cleanly, the second at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rlcore.backend.host.interrupts import STOPPING, Handler

INTERRUPTED = 130
"""Exit code of a run stopped by Ctrl-C, SIGTERM or SIGHUP: 128 + SIGINT, as shells report it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Has SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does: at once, but nothing half-written is left."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # a handler of a program that this one runs in, and signals that are ignored, stay
    with _handled(stop, [number for number in STOPPING if signal.getsignal(number) is signal.SIG_DFL]):
        yield


@contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Yields an event that SIGINT, SIGTERM or SIGHUP sets; a second signal raises KeyboardInterrupt."""
    event = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        # the terminal may be gone: that is what SIGHUP says
        with contextlib.suppress(OSError):
            say("stopping after this step; once more to stop at once")

    # nohup has SIGHUP ignored, and a shell SIGINT in the background: they stay so
    with _handled(stop, [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]):
        yield event


@contextmanager
def _handled(handler: Handler, signals: list[int]) -> Iterator[None]:
    # Python allows signal handlers in the main thread only; elsewhere nothing stops the run
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(number, handler) for number in signals]
    try:
        yield
    finally:
        for number, handler_before in zip(signals, before, strict=True):
            signal.signal(number, handler_before)
