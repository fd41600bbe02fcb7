"""Finding, loading and surveying backends: pure functions over entry points.

A backend is any installed package that registers a callable under the entry-point group ``rlcore.backends``. Ours go
through the same door. A backend that fails to load disturbs nothing until someone names it; then its own error is told.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from rlcore.backend import Backend, Device, SupportsDevices
from rlcore.errors import BackendError, BackendUnavailable

GROUP = "rlcore.backends"
OURS = ("cupy", "vkfft", "reikna", "torch", "pyfftw", "numpy")
"""Names published by this project: an unknown name among them is only not installed."""

State = Literal["usable", "unavailable", "broken", "incomplete", "ambiguous"]

_MEMBERS = tuple(name for name in vars(Backend) if not name.startswith("_")) + ("name", "device")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one installed backend said when it was asked."""

    name: str
    state: State
    """unavailable: no device; broken: cannot be loaded; incomplete: lacks members; ambiguous: claimed twice."""
    distribution: str
    """Who brought it, as in ``rlcore-pyfftw 0.1.0``."""
    device: str = ""
    devices: tuple[Device, ...] = ()
    memory: int | None = None
    """Free bytes on the device, if it is usable."""
    reason: str = ""
    """Why it cannot be used."""


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
    entry = _find(name)
    if entry is None:
        raise BackendError(_unknown(name))
    return _create(entry, device)


def find_factory(name: str) -> Callable[[str | int | None], Backend[Any]] | None:
    """The callable that is registered under a name; None where there is none.

    Raises
    ------
    BackendError
        If more than one package claims the name, or if it cannot be imported.
    """
    entry = _find(name)
    return None if entry is None else _load(entry)


def survey() -> tuple[Finding, ...]:
    """Ask every installed backend whether it can run here; none that fails disturbs the others."""
    entries = sorted(installed(), key=lambda entry: entry.name)
    return tuple(_ask(name, [e for e in entries if e.name == name]) for name in dict.fromkeys(e.name for e in entries))


def installed() -> Iterable[EntryPoint]:
    """Entry points of every installed backend; loads none of them."""
    return _installed(tuple((path, _changed(path)) for path in sys.path))


@lru_cache(maxsize=4)
def _installed(_where: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """Looking through every installed distribution takes longer than a small restoration."""
    return tuple(entry_points(group=GROUP))


def _changed(path: str) -> int:
    """When a folder that modules are found in last changed."""
    try:
        return Path(path or ".").stat().st_mtime_ns
    except OSError:
        return 0


def _find(name: str) -> EntryPoint | None:
    """The only entry point of this name, if there is one."""
    found = [entry for entry in installed() if entry.name == name]
    if len(found) > 1:
        raise BackendError(f"backend {name!r} is claimed by {_owners(found)}; uninstall all but one")
    return found[0] if found else None


def _create(entry: EntryPoint, device: str | int | None) -> Backend[Any]:
    """The backend of one entry point, its failures told with the name of the distribution that brought it."""
    factory = _load(entry)
    try:
        backend = factory(device)
    except BackendUnavailable:
        raise
    except (Exception, SystemExit) as error:  # a plugin that exits must not end the program that asks it
        raise BackendError(f"backend {entry.name!r} of {_owner(entry)} failed to start: {_say(error)}") from error
    if missing := [member for member in _MEMBERS if _lacks(backend, member)]:
        raise IncompleteBackend(f"backend {entry.name!r} of {_owner(entry)} lacks {', '.join(missing)}")
    return backend


def _lacks(backend: object, member: str) -> bool:
    """Whether a member is absent, or only the protocol's own empty one."""
    return not hasattr(backend, member) or getattr(type(backend), member, None) is getattr(Backend, member, backend)


class IncompleteBackend(BackendError):
    """A backend that lacks members of the protocol."""


def _load(entry: EntryPoint) -> Callable[[str | int | None], Backend[Any]]:
    try:
        factory = entry.load()
    except (Exception, SystemExit) as error:
        raise BackendError(f"backend {entry.name!r} of {_owner(entry)} cannot be imported: {_say(error)}") from error
    if not callable(factory):
        raise IncompleteBackend(f"backend {entry.name!r} of {_owner(entry)} is not callable: {entry.value}")
    return factory  # type: ignore[no-any-return]


def _ask(name: str, entries: list[EntryPoint]) -> Finding:
    owner = _owners(entries)
    if len(entries) > 1:
        return Finding(name, "ambiguous", owner, reason=f"claimed by {owner}; uninstall all but one")
    try:
        backend = _create(entries[0], None)
        factory = entries[0].load()
        devices = factory.devices() if isinstance(factory, SupportsDevices) else ()
        return Finding(name, "usable", owner, backend.device, devices, backend.free_bytes())
    except BackendUnavailable as error:
        return Finding(name, "unavailable", owner, reason=str(error))
    except IncompleteBackend as error:
        return Finding(name, "incomplete", owner, reason=str(error))
    except Exception as error:  # noqa: BLE001 - the boundary to a plugin: its error is kept and told
        return Finding(name, "broken", owner, reason=_say(error))


def _unknown(name: str) -> str:
    names = sorted({entry.name for entry in installed()})
    if name in OURS:
        brings = {"vkfft": "rlcore-reikna[vkfft]"}.get(name, f"rlcore-{name}")
        return (
            f"backend {name!r} is not installed; try: pip install '{brings}'"
            if "[" in brings
            else (f"backend {name!r} is not installed; try: pip install {brings}")
        )
    near = difflib.get_close_matches(name, [*names, *OURS], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"backend {name!r} is unknown{hint}; installed are {', '.join(map(repr, names))}"


def _owner(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"


def _owners(entries: list[EntryPoint]) -> str:
    return " and ".join(_owner(entry) for entry in entries)


def _say(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
