"""Which axes a file has, which of its time points and channels are wanted, and where their volumes lie."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rlcore.blocks import Shape
from rlcore.errors import InputError

_DEPTH = "ZIQ"
"""Axes that may stand for z: z itself, an unnamed sequence of planes, an unknown axis."""

Index = tuple[int | slice, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """Which of several channels and time points: an index, or text such as ``3``, ``3:10``, ``0,2``; None for all."""

    channel: str | int | None = None
    time: str | int | None = None
    axes: str | None = None
    """What the file's axes are, where the user says it."""


ALL = Pick()


@dataclass(frozen=True, slots=True)
class Place:
    """One volume: its time point and channel, counted among those that are wanted."""

    time: int = 0
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's axes, and what is wanted of them."""

    file_axes: str
    """As the file has them: T, C, Z, Y, X, and others that have one entry."""
    file_shape: Shape
    times: tuple[int, ...]
    """Those wanted, as the file counts them; (0,) where it has no such axis."""
    channels: tuple[int, ...]
    axes: str
    """Those of the result, in the file's order: what is picked by one index is no axis of it."""

    @property
    def shape(self) -> Shape:
        """Of the result."""
        return tuple(self.size(letter) for letter in self.axes)

    @property
    def volume_shape(self) -> Shape:
        """Of one volume: (z, y, x), or (y, x) where there is one plane."""
        sizes = [self.size(letter) for letter in "ZYX"]
        return tuple(sizes if sizes[0] > 1 else sizes[1:])

    @property
    def places(self) -> list[Place]:
        """Every volume, time point by time point."""
        return [Place(t, c) for t, c in itertools.product(range(len(self.times)), range(len(self.channels)))]

    def size(self, letter: str) -> int:
        """Entries of the result along an axis; 1 where there is none."""
        if letter in "TC":
            return len(self.times if letter == "T" else self.channels)
        return self.size_in_file(letter)

    def size_in_file(self, letter: str) -> int:
        """Entries of the file along an axis; 1 where there is none."""
        return self.file_shape[self.file_axes.index(letter)] if letter in self.file_axes else 1

    def in_file(self, place: Place) -> Index:
        """Where a volume lies in the file."""
        return self._index(self.file_axes, {"T": self.times[place.time], "C": self.channels[place.channel]})

    def in_result(self, place: Place, axes: str) -> Index:
        """Where it lies in a result with these axes."""
        return self._index(axes, {"T": place.time, "C": place.channel})

    def _index(self, axes: str, at: dict[str, int]) -> Index:
        """Slices along what a volume extends in, a number along everything else."""
        along = "ZYX"[-len(self.volume_shape) :]
        return tuple(slice(None) if letter in along else at.get(letter, 0) for letter in axes)


def lay_out(file: str, axes: str, shape: Shape, pick: Pick, names: Sequence[str] = ()) -> Layout:
    """The layout of a file with these axes, or a sentence on what of it cannot be used."""
    axes = _named(file, axes, shape, pick.axes)
    depth = next((letter for letter in _DEPTH if letter in axes and shape[axes.index(letter)] > 1), "Z")
    letters = axes.replace(depth, "Z") if depth != "Z" else axes
    if "S" in letters and ("C" not in letters or shape[letters.index("C")] == 1):
        letters = letters.replace("C", "?").replace("S", "C")  # samples of a pixel: red, green, blue
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
    kept = kept if kept.endswith("YX") else "".join(letter for letter in "TCZYX" if letter in kept)
    return Layout(letters, tuple(map(int, shape)), times, channels, kept)


def _named(file: str, axes: str, shape: Shape, said: str | None) -> str:
    """The axes' letters, by the user's word if there is one."""
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
    """Entries along an axis, and how messages speak of them."""

    what: str
    option: str
    size: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.size} {self.what}{'' if self.size == 1 else 's'}"


def _wanted(file: str, several: _Several, said: str | int | None) -> tuple[tuple[int, ...], bool]:
    """The entries wanted along an axis, and whether it is one alone, so that the axis goes."""
    if said is None:
        return tuple(range(several.size)), False
    text, option = str(said).strip(), several.option
    if text in several.names:
        return (several.names.index(text),), True
    wanted = _indices(text, several)
    if not wanted:
        raise InputError(f"{option} {text!r} is empty; the end of a range is not part of it")
    if wrong := [index for index in wanted if index >= several.size]:
        raise InputError(f"{file} has {several}, counted from 0, and none is {wrong[0]}; give another {option}")
    return wanted, text.isdigit()


def _indices(text: str, several: _Several) -> tuple[int, ...]:
    if match := re.fullmatch(r"(\d*):(\d*)", text):
        return tuple(range(int(match[1] or 0), int(match[2] or several.size)))
    if re.fullmatch(r"\d+(,\d+)*", text):
        return tuple(dict.fromkeys(map(int, text.split(","))))
    known = f", or one of {', '.join(map(repr, several.names))}" if several.names else ""
    raise InputError(f"{several.option} {text!r} is not an index or a range; write it like 3, 3:10 or 0,2{known}")
