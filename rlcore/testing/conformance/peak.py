"""Measurement of the memory that work takes: of the process on the host, by `free_bytes` elsewhere."""

from __future__ import annotations

import contextlib
import gc
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rlcore.backend import Backend
from rlcore.backend.host.glibc import M_MMAP_THRESHOLD, holes_taken, tell_heap, trim

_PROBE = 64 << 20
"""Bytes of an array that `free_bytes` has to notice before it is believed."""

_SMALL, _LARGE = 1 << 20, 32 << 20
"""Bytes: less than any array that counts, and the largest threshold that glibc would choose by itself."""

Work = Callable[[], object]


def peak_of(backend: Backend[Any], work: Work) -> int | None:
    """Most bytes that `work` holds at once, beyond those held before; None if that cannot be measured."""
    return _peak_of_process(work) if backend.facts.on_host else _peak_of_device(backend, work)


def resident() -> int | None:
    """Bytes of memory that this process holds now, after caches were given back; None except on Linux."""
    gc.collect()
    trim()  # so that an array's pages are seen to come and go
    return _status("VmRSS")


def _peak_of_process(work: Work) -> int | None:
    """The kernel's mark of the highest resident size, which Linux lets a process reset."""
    with _pages_of_their_own():
        before = resident()
        if before is None or not _reset_mark():
            return None
        work()
        highest = _status("VmHWM")
    return None if highest is None else max(0, highest - before)


def _peak_of_device(backend: Backend[Any], work: Work) -> int | None:
    """The minimum of `free_bytes`, watched from a second thread, if it notices an array at all."""
    before = backend.free_bytes()
    probe = backend.upload(_zeros())
    noticed = backend.free_bytes() < before
    del probe
    gc.collect()
    if not noticed:
        return None
    before, least, done = backend.free_bytes(), [backend.free_bytes()], threading.Event()

    def watch() -> None:
        while not done.is_set():
            least.append(min(least.pop(), backend.free_bytes()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(0, before - least[0])


def _zeros() -> Any:
    import numpy as np

    return np.zeros((16, 1024, _PROBE // (16 * 1024 * 4)), np.float32)


def _status(field: str) -> int | None:
    path = Path("/proc/self/status")
    found = re.search(rf"^{field}:\s+(\d+) kB", path.read_text(), re.MULTILINE) if path.exists() else None
    return int(found[1]) * 1024 if found else None


def _reset_mark() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _pages_of_their_own() -> Iterator[None]:
    """Have glibc give each array pages of its own, which are returned when it is freed.

    By default glibc keeps freed arrays in its heap, as many as the history of the process suggests.
    """
    told = tell_heap(M_MMAP_THRESHOLD, _SMALL)
    try:
        with holes_taken(_SMALL) if told else contextlib.nullcontext():
            yield
    finally:
        tell_heap(M_MMAP_THRESHOLD, _LARGE)
