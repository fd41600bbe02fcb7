"""Letters of a file's axes: those that the user gives, or the file's, with z for an axis that only z can be."""

from __future__ import annotations

from dataclasses import dataclass

from rlcore.backend.boxes import Shape
from rlcore.errors import InputError

_NAMELESS = "IQ?"
"""Letters of axes without a name: tifffile's "I" (a sequence of planes) and "Q" (an unknown axis), and "?"."""


@dataclass(frozen=True, slots=True)
class AxisLetters:
    """A letter for each axis of a file, as tifffile names them; "?" for an axis of one entry that is left out."""

    letters: str
    note: str = ""
    """Sentence on what was decided; empty if the file or the user names the axes."""


def name_axes(file: str, axes: str, shape: Shape, option: str) -> AxisLetters:
    """Names the axes that a file does not name, as far as they can be nothing else.

    Leading axes of one entry are left out, and so is one behind x. Of the others the last two are y and x, and a single
    one before them is z: the planes of a stack.

    Parameters
    ----------
    file : str
        The file's role and name in messages.
    axes : str
        A letter for each axis, as tifffile names them; "?" for each axis of a format without names.
    shape : tuple of int
    option : str
        Option by which the user names axes.

    Raises
    ------
    InputError
        If several axes have no name, or z seems to lie last.
    """
    letters = list(axes)
    if set(axes) == {"?"}:
        end = _behind_x(shape)
        letters[max(end - 2, 0) : end] = "YX"[-end:]
    nameless = [n for n, letter in enumerate(letters) if letter in _NAMELESS and shape[n] > 1]
    if not nameless:
        return AxisLetters("".join(letters))
    depth = next((shape[n] for n, letter in enumerate(letters) if letter == "Z"), 1)
    if len(nameless) > 1 or depth > 1:
        raise InputError(f"{file} has shape {tuple(shape)} and does not name all of its axes; {_remedy(shape, option)}")
    letters = ["?" if letter == "Z" else letter for letter in letters]
    letters[nameless[0]] = "Z"
    named = "".join(letters)
    _check_last(file, named, shape, option)
    return AxisLetters(named, f"its {shape[nameless[0]]} planes are taken for a stack along z: it does not name them")


def users_letters(file: str, said: str | None, shape: Shape, option: str) -> str | None:
    """Returns the letters that the user gives, with "?" for leading axes of one entry; None if none are given.

    Raises
    ------
    InputError
        If they do not go with the shape.
    """
    if said is None:
        return None
    letters = said.upper()
    ahead = len(shape) - len(letters)
    if ahead < 0 or set(shape[:ahead]) - {1} or len(set(letters)) != len(letters) or set(letters) - set("TCZYX"):
        raise InputError(f"{option} {said!r} is not one of T, C, Z, Y, X for each axis of {file}, shape {tuple(shape)}")
    return "?" * ahead + letters


def _behind_x(shape: Shape) -> int:
    """Returns the number of axes up to x: an axis of one entry behind two longer ones is one of channels."""
    end = len(shape)
    while end > 2 and shape[end - 1] == 1:
        end -= 1
    return end if min(shape[end - 2 : end]) > 1 else len(shape)


def _remedy(shape: Shape, option: str) -> str:
    count = len(shape)
    while count > 2 and shape[len(shape) - count] == 1:
        count -= 1
    if count > 5:
        return "save the part that you want as a file"
    return f"say what they are by {option}, such as {option} {'TZYX or CZYX' if count < 5 else 'TCZYX'}"


def _check_last(file: str, letters: str, shape: Shape, option: str) -> None:
    """Raises InputError for axes without names of which the last is much the shortest, as if z were last."""
    z, y, x = (shape[letters.index(letter)] for letter in "ZYX")
    # a plane may be narrow, and a stack high; both at once are rare, while many programs put z or channels last
    if 2 * x < min(z, y):
        raise InputError(
            f"{file} has shape {tuple(shape)} and does not name its axes, of which z or channels seem to be the last; "
            f"save it in the order z, y, x, or give {option} YXC for channels, or {option} ZYX if x is so short"
        )
