"""Signals by which a user stops the program, and errors that look like them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]

STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_noted: list[list[int]] = []
"""For every `interrupts_noted` that is entered, the signals that have arrived in it."""


def is_of_the_user(error: BaseException) -> bool:
    """True if an error is a KeyboardInterrupt that the user may have caused; False if code has raised it by itself.

    Python raises it for a signal in the main thread alone. Outside of `interrupts_noted` it may always be the user's.
    """
    if not isinstance(error, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread():
        return False
    return not _noted or bool(_noted[-1])


@contextmanager
def interrupts_noted() -> Iterator[None]:
    """Notes whether a signal to stop arrives, so that `is_of_the_user` can tell."""
    arrived: list[int] = []

    def noting(before: Handler) -> Handler:
        def note(number: int, frame: FrameType | None) -> None:
            arrived.append(number)
            before(number, frame)

        return note

    # only the main thread sets handlers, and only there KeyboardInterrupt is raised for a signal
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with handlers(noting):
        _noted.append(arrived)
        try:
            yield
        finally:
            _noted.pop()


@contextmanager
def handlers(instead_of: Callable[[Handler], Handler]) -> Iterator[None]:
    """Replaces the handlers of signals to stop, in the main thread; signals that raise nothing keep doing nothing."""
    replaced = []
    for number in STOPPING:
        before = signal.getsignal(number)
        if callable(before):
            replaced.append((number, before, instead_of(before)))
            signal.signal(number, replaced[-1][2])
    try:
        yield
    finally:
        for number, before, now in replaced:
            # a plugin may have installed a handler of its own, which stays
            if signal.getsignal(number) is now:
                signal.signal(number, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Puts signals to stop off until its end, where they do what they would have done before."""
    arrived: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        with handlers(lambda _: lambda number, _: arrived.append(number)):
            yield
    finally:
        for number in arrived:
            signal.raise_signal(number)
