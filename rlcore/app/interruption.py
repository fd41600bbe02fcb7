"""Interruption of a run by signals: the first stops it cleanly, the second at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code of a run stopped by Ctrl-C, SIGTERM or SIGHUP: 128 + SIGINT, as shells report it."""


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

    # Python allows signal handlers in the main thread only; elsewhere the event is never set
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # nohup has SIGHUP ignored, and a shell SIGINT in the background: they stay so
    signals = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield event
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
