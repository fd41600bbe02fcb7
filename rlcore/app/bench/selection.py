"""Which of those that can take part do, by what was asked for."""

from __future__ import annotations

from dataclasses import replace

from rlcore.app.bench.contestants import Contestant
from rlcore.errors import InputError


def programs(found: list[Contestant], names: tuple[str, ...]) -> list[Contestant]:
    """Other programs by name; all by default."""
    _refuse_unknown("program", names, found)
    return [contestant for contestant in found if not names or contestant.name in names]


def backends(found: list[Contestant], names: tuple[str, ...], device: str | None) -> list[Contestant]:
    """Backends by name, with an index behind a colon or not, or by their device; all by default.

    One that stands aside takes part only if its device was named.
    """
    _refuse_unknown("backend", names, found)
    taken = [contestant for contestant in found if not names or not _names(contestant).isdisjoint(names)]
    taken = [replace(contestant, skipped="") if _with_index(contestant) in names else contestant for contestant in taken]
    if device is None:
        return taken
    if on_it := [replace(contestant, skipped="") for contestant in taken if _is_on(contestant, device)]:
        return on_it
    known = ", ".join(f"{_with_index(contestant)} {contestant.shown!r}" for contestant in taken if not contestant.reason)
    raise InputError(f"device {device!r} is of no backend asked for; there are {known or 'none'}")


def _names(contestant: Contestant) -> set[str]:
    return {contestant.name, _with_index(contestant)}


def _with_index(contestant: Contestant) -> str:
    return f"{contestant.name}:{contestant.device or 0}"


def _is_on(contestant: Contestant, device: str) -> bool:
    """Whether its device has this index, or a name with this text in it."""
    text = device.strip().lower()
    return int(text) == (contestant.device or 0) if text.isdigit() else text in contestant.shown.lower()


def _refuse_unknown(kind: str, names: tuple[str, ...], found: list[Contestant]) -> None:
    known = {name for contestant in found for name in _names(contestant)}
    if unknown := [name for name in names if name not in known]:
        usable = ", ".join(sorted({repr(name) for contestant in found for name in (contestant.name, contestant.label)}))
        raise InputError(f"{kind} {unknown[0]!r} cannot be used here; usable are {usable or 'none'}")
