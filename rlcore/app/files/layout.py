"""Layout of a file: its axes, the selected time points and channels, and the index of each volume."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rlcore.app.whole_numbers import whole_number
from rlcore.backend.boxes import Shape
from rlcore.errors import InputError

_DEPTH = "ZIQ"
"""Axes that may serve as z: z itself, tifffile's "I" (a sequence of planes) and "Q" (an unknown axis)."""

Index = tuple[int | slice, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """Selection of channels and time points: an index, or text such as ``3``, ``3:10``, ``0,2``; None for all."""

    channel: str | int | None = None
    time: str | int | None = None
    axes: str | None = None
    """Letters of the file's axes as given by the user; None to take them from the file."""
    image: str | int | None = None
    """Number or name of an image in a file that holds several; None for the first."""


ALL = Pick()


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One volume, by its time point and channel, counted among the selected ones."""

    time: int = 0
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Axes of a file, and the entries selected along them."""

    file_axes: str
    """Axes in the file's order: T, C, Z, Y, X, and others of length one."""
    file_shape: Shape
    times: tuple[int, ...]
    """Selected time points, counted as in the file; (0,) without such an axis."""
    channels: tuple[int, ...]
    """Selected channels, counted as in the file; (0,) without such an axis."""
    axes: str
    """Axes of the result in the file's order, without those reduced to a single index."""

    @property
    def shape(self) -> Shape:
        """Shape of the result."""
        return tuple(self.size(letter) for letter in self.axes)

    @property
    def volume_shape(self) -> Shape:
        """Shape of one volume: (z, y, x), or (y, x) for a single plane."""
        sizes = [self.size(letter) for letter in "ZYX"]
        return tuple(sizes if sizes[0] > 1 else sizes[1:])

    @property
    def places(self) -> list[Place]:
        """All selected volumes, time point by time point."""
        return [Place(t, c) for t, c in itertools.product(range(len(self.times)), range(len(self.channels)))]

    def size(self, letter: str) -> int:
        """Returns the length of an axis in the result; 1 if it has no such axis."""
        if letter in "TC":
            return len(self.times if letter == "T" else self.channels)
        return self.size_in_file(letter)

    def size_in_file(self, letter: str) -> int:
        """Returns the length of an axis in the file; 1 if it has no such axis."""
        return self.file_shape[self.file_axes.index(letter)] if letter in self.file_axes else 1

    def in_file(self, place: Place) -> Index:
        """Returns the index of a volume in the file."""
        return self._index(self.file_axes, {"T": self.times[place.time], "C": self.channels[place.channel]})

    def in_result(self, place: Place, axes: str) -> Index:
        """Returns the index of a volume in a result with these axes."""
        return self._index(axes, {"T": place.time, "C": place.channel})

    def _index(self, axes: str, at: dict[str, int]) -> Index:
        """Returns slices along the axes of a volume, and a number along all others."""
        along = "ZYX"[-len(self.volume_shape) :]
        return tuple(slice(None) if letter in along else at.get(letter, 0) for letter in axes)


def lay_out(file: str, axes: str, shape: Shape, pick: Pick, names: Sequence[str] = ()) -> Layout:
    """Lays out a file with these axes.

    Parameters
    ----------
    file : str
        Name of the file in messages.
    axes : str
        A letter for each axis, as tifffile names them.
    shape : tuple of int
        Length of each axis.
    pick : Pick
        The user's selection.
    names : sequence of str
        Names of the channels.

    Raises
    ------
    InputError
        If the axes cannot be used, or the selection does not exist.
    """
    if any(size < 1 for size in shape):
        raise InputError(f"{file} has shape {tuple(shape)!r}, which holds no voxels")
    axes = _named(file, axes, shape, pick.axes)
    # an ambiguous axis counts as depth only if it has several planes
    depth = next((letter for letter in _DEPTH if letter in axes and shape[axes.index(letter)] > 1), "Z")
    letters = axes.replace(depth, "Z") if depth != "Z" else axes
    # samples of a pixel (red, green, blue) are restored as channels
    if "S" in letters and ("C" not in letters or shape[letters.index("C")] == 1):
        letters = letters.replace("C", "?").replace("S", "C")
    if missing := [letter for letter in "YX" if letter not in letters]:
        raise InputError(f"{file} has axes {axes!r} and no {missing[0]!r} among them; say what they are by --axes")
    for letter, size in zip(letters, shape, strict=True):
        if letter not in "TCZYX" and size > 1:
            raise InputError(f"{file} has {size} entries along its axis {letter!r}; save the one you want as a file")
    if (order := [letter for letter in letters if letter in "ZYX"]) != sorted(order, reverse=True):
        raise InputError(f"{file} has axes {axes!r}, but volumes must lie as z, y, x; save it in that order")
    times, no_time = _wanted(file, _Several("time point", "--time", _size(letters, shape, "T")), pick.time)
    several = _Several("channel", "--channel", _size(letters, shape, "C"), tuple(names))
    channels, no_channel = _wanted(file, several, pick.channel)
    dropped = "T" * no_time + "C" * no_channel
    kept = "".join(letter for letter in letters if letter in "TCZYX" and letter not in dropped)
    # channels that lie last, as in RGB, would be strided; the result has its planes last
    kept = kept if kept.endswith("YX") else "".join(letter for letter in "TCZYX" if letter in kept)
    return Layout(letters, tuple(map(int, shape)), times, channels, kept)


def _named(file: str, axes: str, shape: Shape, said: str | None) -> str:
    """Returns the letters of the axes, replaced by the user's if given."""
    if said is None:
        return axes
    letters = said.upper()
    if len(letters) != len(shape) or len(set(letters)) != len(letters) or set(letters) - set("TCZYX"):
        raise InputError(f"--axes {said!r} is not one of T, C, Z, Y, X for each axis of {file}, shape {tuple(shape)}")
    return letters


def _size(letters: str, shape: Shape, letter: str) -> int:
    return int(shape[letters.index(letter)]) if letter in letters else 1


@dataclass(frozen=True, slots=True)
class _Several:
    """Entries along an axis, with the words that messages use for them."""

    what: str
    option: str
    size: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.size} {self.what}{'' if self.size == 1 else 's'}"


def _wanted(file: str, several: _Several, said: str | int | None) -> tuple[tuple[int, ...], bool]:
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


def _indices(text: str, several: _Several) -> tuple[int, ...]:
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
