"""Selection of a backend: the named one, or the environment's, or the first of ours that works; with the reason."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

from rlcore.backend import Backend
from rlcore.backend.adapter import adapt
from rlcore.backend.discovery.registry import installed, load_backend
from rlcore.errors import BackendError, BackendUnavailable

ORDER = ("cupy", "vkfft", "reikna", "pyfftw", "numpy")
"""Names that `auto` tries. A third party's backend runs only when named: installing a package changes no result."""

_log = logging.getLogger("rlcore")


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend, and the reason for choosing it. ``print(choice)`` gives both in a sentence."""

    backend: Backend[Any]
    reason: str
    passed: tuple[str, ...] = ()
    """Backends that were tried before it, each with the reason why it was passed over."""

    def __str__(self) -> str:
        passed = f" ({'; '.join(self.passed)})" if self.passed else ""
        return f"backend {self.backend.name!r} on {self.backend.device}: {self.reason}{passed}"


def choose_backend(backend: str | Backend[Any] = "auto", device: str | int | None = None) -> Choice:
    """Find the backend that a run is to use.

    Parameters
    ----------
    backend : str or Backend, default "auto"
        A name that `survey` lists, or a backend itself. "auto" takes the name in the environment variable
        RLCORE_BACKEND, if it is set; else the first of cupy, OpenCL on a GPU, pyfftw and numpy that works.
    device : str or int, optional
        Which of the backend's devices; the one that the environment variable RLCORE_DEVICE names by default.

    Raises
    ------
    BackendError
        If the backend cannot be loaded or has no such device.
    """
    if not isinstance(backend, str):
        return Choice(adapt(backend), "it was given")
    device = os.environ.get("RLCORE_DEVICE") or None if device is None else device
    if backend != "auto":
        return Choice(load_backend(backend, device), "it was named")
    named = os.environ.get("RLCORE_BACKEND")
    if named and named != "auto":
        choice = Choice(load_backend(named, device), "RLCORE_BACKEND names it")
    else:
        choice = _first_that_works(device)
    _log.info("%s", choice)
    return choice


def _first_that_works(device: str | int | None) -> Choice:
    present = {entry.name for entry in installed()}
    passed: list[str] = []
    for name in ORDER:
        if name not in present:
            passed.append(f"{name} is not installed")
            continue
        try:
            backend = load_backend(name, device)
        except BackendError as error:
            passed.append(f"{name} cannot run: {error}")
            continue
        if name in ("vkfft", "reikna") and backend.facts.on_host:
            passed.append(f"{name} has only a CPU here, where pyfftw is faster")
            continue
        return Choice(backend, f"the first that works of {', '.join(ORDER)}", tuple(passed))
    raise BackendUnavailable(f"no backend has a device {device!r}: {'; '.join(passed)}")
