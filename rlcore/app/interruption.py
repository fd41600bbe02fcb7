"""Interruption of a run by signals: the first stops it cleanly, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code of a run stopped by Ctrl-C or SIGTERM: 128 + SIGINT, as shells report it."""


@contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Yields an event that SIGINT or SIGTERM sets; a second signal raises KeyboardInterrupt."""
    event = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        say("stopping after this step; once more to stop at once")

    # Python allows signal handlers in the main thread only; elsewhere the event is never set
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    signals = signal.SIGINT, signal.SIGTERM
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield event
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
