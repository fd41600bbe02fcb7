"""The registry of backends: finds, loads and surveys them by their entry points.

A backend is any installed package that registers a callable under the entry-point group ``rlcore.backends``. Ours go
through the same door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from rlcore.backend import Backend, Device
from rlcore.backend.adapter import REQUIRED, adapt
from rlcore.backend.discovery.patience import answering, limit
from rlcore.backend.discovery.plugins import Plugins, State, claimed, contained, owners
from rlcore.errors import BackendError, BackendUnavailable, IncompleteBackend

OURS = ("cupy", "vkfft", "reikna", "torch", "pyfftw", "numpy")
"""Names published by this project, by preference."""

BACKENDS = Plugins(
    group="rlcore.backends",
    noun="backend",
    error=BackendError,
    unavailable=BackendUnavailable,
    incomplete=IncompleteBackend,
    published={name: {"vkfft": "rlcore-reikna[vkfft]"}.get(name, f"rlcore-{name}") for name in OURS},
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one installed backend to a survey."""

    name: str
    state: State
    """unavailable: no device; broken: cannot be loaded; incomplete: lacks members; ambiguous: claimed twice."""
    distribution: str
    """The distribution that brought it, as in ``rlcore-pyfftw 0.1.0``."""
    device: str = ""
    devices: tuple[Device, ...] = ()
    memory: int | None = None
    """Free bytes on the device, if it is usable."""
    reason: str = ""
    """The reason why it cannot be used."""


def load_backend(name: str, device: str | int | None = None) -> Backend[Any]:
    """Load a backend by the name it is registered under.

    Parameters
    ----------
    name : str
        As `survey` lists it.
    device : str or int, optional
        Which of its devices: an index, or part of a name. The backend's own choice if None.

    Raises
    ------
    BackendError
        If no installed package, or more than one, claims the name, or if its package is broken or incomplete.
    BackendUnavailable
        If it is installed but has no such device.
    """
    return _create(BACKENDS.find_or_refuse(name), device)


def find_factory(name: str) -> Callable[[str | int | None], Backend[Any]] | None:
    """The callable that is registered under a name; None where there is none.

    Raises
    ------
    BackendError
        If more than one package claims the name, or if it cannot be imported.
    """
    entry = BACKENDS.find(name)
    return None if entry is None else BACKENDS.load(entry)


def survey(seconds: float | None = None) -> tuple[Finding, ...]:
    """Ask every installed backend whether it can run here; none that fails disturbs the others.

    Parameters
    ----------
    seconds : float, optional
        Time that each backend gets, in a process of its own: one that hangs, crashes or ends the process is told as
        broken. None asks them all in this process, which is faster and trusts them to come back.
    """
    if seconds is None:
        return tuple(ask(name, entries) for name, entries in BACKENDS.by_name())
    from rlcore.backend.discovery.apart import ask_apart

    return tuple(ask_apart(name, entries, seconds) for name, entries in BACKENDS.by_name())


def installed() -> Iterable[EntryPoint]:
    """Entry points of every installed backend; loads none of them."""
    return BACKENDS.installed()


def _create(entry: EntryPoint, device: str | int | None) -> Backend[Any]:
    """The backend of one entry point; failures name the distribution that brought it."""
    factory, called, seconds = BACKENDS.load(entry), BACKENDS.called(entry), limit()
    failed = contained(BackendError, f"{called} failed to start", BackendUnavailable, IncompleteBackend)
    with failed, answering(called, seconds):
        abstract = getattr(factory, "__abstractmethods__", ())
        if missing := [member for member in REQUIRED if member in abstract]:
            raise IncompleteBackend(f"{called} lacks {', '.join(missing)}")
        backend = factory(device)
        if missing := [member for member in REQUIRED if not hasattr(backend, member)]:
            raise IncompleteBackend(f"{called} lacks {', '.join(missing)}")
        return adapt(backend)


def ask(name: str, entries: list[EntryPoint]) -> Finding:
    """Returns the answer of one backend, asked in this process."""
    by = owners(entries)
    if len(entries) > 1:
        return Finding(name, "ambiguous", by, reason=claimed(entries))
    try:
        backend = _create(entries[0], None)
        factory = BACKENDS.load(entries[0])
        with contained(BackendError, f"{BACKENDS.called(entries[0])} cannot be asked"):
            devices: tuple[Device, ...] = tuple(getattr(factory, "devices", tuple)())
            return Finding(name, "usable", by, str(backend.device), devices, int(backend.free_bytes()))
    except BackendError as error:
        state, reason = BACKENDS.trouble(error)
        return Finding(name, state, by, reason=reason)
