"""Entries along an axis of time points or channels, selected by index, range or name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rlcore.app.whole_numbers import whole_number
from rlcore.errors import InputError


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries along an axis, with the words that messages use for them."""

    what: str
    """The word for one of them."""
    option: str
    """Option by which the user selects some."""
    size: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.size} {self.what}{'' if self.size == 1 else 's'}"


def selected(file: str, several: Entries, said: str | int | None) -> tuple[tuple[int, ...], bool]:
    """Returns the selected entries along an axis, and whether a single index was given, which drops the axis."""
    if said is None:
        return tuple(range(several.size)), False
    text, option = str(said).strip(), several.option
    # names come first, as a channel may be named by its wavelength, such as 488
    if text in several.names:
        return (several.names.index(text),), True
    wanted = _indices(text, several)
    if not wanted:
        raise InputError(f"{option} {text!r} is empty; the end of a range is not part of it")
    if wrong := [index for index in wanted if index >= several.size]:
        raise InputError(f"{file} has {several}, counted from 0, and none is {wrong[0]}; give another {option}")
    return wanted, whole_number(text) is not None


def _indices(text: str, several: Entries) -> tuple[int, ...]:
    # ASCII alone: \d also stands for digits of other scripts; no file has indices of more than eighteen digits
    if match := re.fullmatch(r"([0-9]{0,18}):([0-9]{0,18})", text):
        # a range may name more than there is by one, so that the message says so, but not take memory for more
        return tuple(
            range(int(match[1] or 0), min(int(match[2] or several.size), several.size + int(match[1] or 0) + 1))
        )
    if re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", text):
        return tuple(dict.fromkeys(map(int, text.split(","))))
    known = f", or one of {', '.join(map(repr, several.names))}" if several.names else ""
    raise InputError(f"{several.option} {text!r} is not an index or a range; write it like 3, 3:10 or 0,2{known}")
