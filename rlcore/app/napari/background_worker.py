"""Work beside the window, and how its failures are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rlcore.errors import RLCoreError


def start(function: Any, returned: Any, *arguments: Any, yielded: Any = None) -> Any:
    """Run a function, or a generator, beside the window; what it gives is taken in the window's thread."""
    from napari.qt.threading import create_worker

    connect = {"returned": returned} | ({"yielded": yielded} if yielded else {})
    return create_worker(function, *arguments, _connect=connect)


def attempt(work: Callable[[], Any]) -> Any:
    """What the work makes, or the sentence that says why it does not."""
    try:
        return work()
    except (RLCoreError, MemoryError) as error:
        return str(error) or "memory ran out; give a smaller shape"
    except Exception as error:  # noqa: BLE001 - the boundary of the thread: told, so that no window waits for ever
        return f"{type(error).__name__}: {error}"


def notify(sentence: str) -> None:
    """Show what went wrong."""
    from napari.utils.notifications import show_error

    show_error(sentence)
