"""Which of those that can take part do, by what was asked for."""

from __future__ import annotations

from dataclasses import replace

from rlcore.app.bench.entrants import Entrant
from rlcore.errors import InputError


def programs(found: list[Entrant], names: tuple[str, ...]) -> list[Entrant]:
    """Other programs by name; all by default."""
    _refuse_unknown("program", names, found)
    return [entrant for entrant in found if not names or entrant.name in names]


def backends(found: list[Entrant], names: tuple[str, ...], device: str | None) -> list[Entrant]:
    """Backends by name, with an index behind a colon or not, or by their device; all by default.

    One that stands aside takes part only if its device was named.
    """
    _refuse_unknown("backend", names, found)
    taken = [entrant for entrant in found if not names or not _names(entrant).isdisjoint(names)]
    taken = [replace(entrant, aside="") if _with_index(entrant) in names else entrant for entrant in taken]
    if device is None:
        return taken
    if on_it := [replace(entrant, aside="") for entrant in taken if _is_on(entrant, device)]:
        return on_it
    known = ", ".join(f"{_with_index(entrant)} {entrant.shown!r}" for entrant in taken if not entrant.reason)
    raise InputError(f"device {device!r} is of no backend asked for; there are {known or 'none'}")


def _names(entrant: Entrant) -> set[str]:
    return {entrant.name, _with_index(entrant)}


def _with_index(entrant: Entrant) -> str:
    return f"{entrant.name}:{entrant.device or 0}"


def _is_on(entrant: Entrant, device: str) -> bool:
    """Whether its device has this index, or a name with this text in it."""
    text = device.strip().lower()
    return int(text) == (entrant.device or 0) if text.isdigit() else text in entrant.shown.lower()


def _refuse_unknown(kind: str, names: tuple[str, ...], found: list[Entrant]) -> None:
    known = {name for entrant in found for name in _names(entrant)}
    if unknown := [name for name in names if name not in known]:
        usable = ", ".join(sorted({repr(name) for entrant in found for name in (entrant.name, entrant.label)}))
        raise InputError(f"{kind} {unknown[0]!r} cannot be used here; usable are {usable or 'none'}")
