"""Selection of contestants by the command's options."""

from __future__ import annotations

from dataclasses import replace

from rlcore.app.bench.contestants import Contestant
from rlcore.app.whole_numbers import whole_number
from rlcore.errors import InputError


def programs(found: list[Contestant], names: tuple[str, ...]) -> list[Contestant]:
    """Selects other programs by name; all by default. Raises InputError for an unknown name."""
    _refuse_unknown("program", names, found)
    return [each for each in found if not names or each.name in names]


def backends(found: list[Contestant], names: tuple[str, ...], device: str | None) -> list[Contestant]:
    """Selects backends by name, as ``reikna`` or ``reikna:1``, and by device; all by default.

    A contestant that is skipped by default runs only if its device is named.

    Parameters
    ----------
    found : list of Contestant
        All backends.
    names : tuple of str
        Names, with or without the index of a device.
    device : str or None
        Index, or part of the name, of a device.

    Raises
    ------
    InputError
        If a name is unknown, or no selected backend has the device.
    """
    _refuse_unknown("backend", names, found)
    taken = [each for each in found if not names or not _names(each).isdisjoint(names)]
    taken = [replace(each, skipped="") if _with_index(each) in names else each for each in taken]
    if device is None:
        return taken
    if on_it := [replace(each, skipped="") for each in taken if _is_on(each, device)]:
        return on_it
    known = ", ".join(f"{_with_index(each)} {each.shown!r}" for each in taken if not each.reason)
    raise InputError(f"device {device!r} is of no backend asked for; there are {known or 'none'}")


def _names(contestant: Contestant) -> set[str]:
    return {contestant.name, _with_index(contestant)}


def _with_index(contestant: Contestant) -> str:
    return f"{contestant.name}:{contestant.device or 0}"


def _is_on(contestant: Contestant, device: str) -> bool:
    """Returns whether a contestant's device has this index, or a name that contains this text."""
    text = device.strip().lower()
    number = whole_number(text)
    return text in contestant.shown.lower() if number is None else number == (contestant.device or 0)


def _refuse_unknown(kind: str, names: tuple[str, ...], found: list[Contestant]) -> None:
    known = {name for each in found for name in _names(each)}
    if unknown := [name for name in names if name not in known]:
        usable = ", ".join(sorted({repr(name) for each in found for name in (each.name, each.label)}))
        raise InputError(f"{kind} {unknown[0]!r} cannot be used here; usable are {usable or 'none'}")
