"""Scenes of a vendor's file, each of which is an image, and the one that is taken."""

from __future__ import annotations

from collections.abc import Sequence

from rlcore.app.files.layout import Pick
from rlcore.app.whole_numbers import whole_number
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning

_LISTED = 5
"""Most scenes that a message names."""


def choose_scene(file: str, names: Sequence[str], pick: Pick) -> int:
    """Returns the number of the scene that the user picks, or of the first, with a warning if there are more.

    Raises
    ------
    InputError
        If there is no such scene.
    """
    if pick.image is None:
        if len(names) > 1:
            said = f"{file} holds {len(names)} images ({_listed(names)})"
            caution(f"{said}; 0 {names[0]!r} is taken, and --image takes another, or all", ImageWarning)
        return 0
    text = str(pick.image).strip()
    named = [number for number, name in enumerate(names) if name == text]
    if len(named) > 1:
        raise InputError(f"{file} has {len(named)} images of the name {text!r}; give a number")
    number = named[0] if named else whole_number(text)
    if number is None or number >= len(names):
        several = f"{len(names)} images" if len(names) > 1 else "1 image"
        raise InputError(f"{file} has {several} ({_listed(names)}), and none is {text!r}; give another --image")
    return number


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    shown = ", ".join(f"{number} {name!r}" for number, name in enumerate(names[:_LISTED]))
    return shown + (f" and {more} more" if more > 0 else "")
