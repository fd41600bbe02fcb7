"""Background work for widgets: started in a thread, with failures shown as notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rlcore.errors import RLCoreError


def start(function: Any, returned: Any, *arguments: Any, yielded: Any = None) -> Any:
    """Runs a function or a generator in a background thread.

    Parameters
    ----------
    function : callable
        Function or generator function to run.
    returned : callable
        Receives the returned value in the window's thread.
    arguments
        Arguments of `function`.
    yielded : callable, optional
        Receives each value of a generator in the window's thread.
    """
    from napari.qt.threading import create_worker

    connect = {"returned": returned} | ({"yielded": yielded} if yielded else {})
    return create_worker(function, *arguments, _connect=connect)


def attempt(work: Callable[[], Any]) -> Any:
    """Returns the result of the work, or a sentence that explains why it failed."""
    try:
        return work()
    except (RLCoreError, MemoryError) as error:
        return str(error) or "memory ran out; give a smaller shape"
    except Exception as error:  # noqa: BLE001 - boundary of the thread: reported, else the window waits for ever
        return f"{type(error).__name__}: {error}"


def notify(sentence: str) -> None:
    """Shows an error as a notification of napari."""
    from napari.utils.notifications import show_error

    show_error(sentence)
