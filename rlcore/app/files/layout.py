"""Layout of a file: its axes, the selected time points and channels, and the index of each volume."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rlcore.app.files.axis_letters import AxisLetters, name_axes, users_letters
from rlcore.app.files.entries import Entries, selected
from rlcore.backend.boxes import Shape
from rlcore.errors import InputError

Index = tuple[int | slice, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """Selection of an image, and of channels and time points: text such as ``3``, ``3:10``, ``0,2``; None for all."""

    channel: str | int | None = None
    time: str | int | None = None
    axes: str | None = None
    """Letters of the file's axes as given by the user; None to take them from the file."""
    image: str | int | None = None
    """Number or name of an image in a file that holds several; None for the first that is no thumbnail."""
    sole: bool = False
    """True to refuse a file that holds several images, unless one is picked."""
    option: str = "--axes"
    """Option by which the user gives `axes`."""
    has_channels: bool = False
    """True if the user speaks of channels elsewhere, as in ``--psf 0=FILE``: then an axis of channels is one."""


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
    sure: str = ""
    """Letters of axes that are beyond doubt: the user or the file says more of them than their length."""
    by_default: str = ""
    """Letters of axes that writers of the format name so unless told otherwise, with nothing that supports it."""
    note: str = field(default="", repr=False)
    """Sentence on what was decided about axes; empty if nothing was."""

    def with_depth(self, letter: str) -> Layout:
        """Returns the layout with one axis, all of it, taken for z in place of any z of one entry."""
        letters, axes = (each.replace("Z", "?").replace(letter, "Z") for each in (self.file_axes, self.axes))
        entries = {"T": "times", "C": "channels"}[letter]
        return replace(self, file_axes=letters, axes=axes.replace("?", ""), **{entries: (0,)})  # type: ignore[arg-type]

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


def lay_out(
    file: str, axes: str, shape: Shape, pick: Pick, names: Sequence[str] = (), *, by_default: str = ""
) -> Layout:
    """Lays out a file with these axes.

    Parameters
    ----------
    file : str
        Name of the file in messages.
    axes : str
        A letter for each axis, as tifffile names them; "?" for each axis of a format without names.
    shape : tuple of int
        Length of each axis.
    pick : Pick
        The user's selection.
    names : sequence of str
        Names of the channels.
    by_default : str, optional
        Letters of axes that the format's writers name so unless told otherwise.

    Raises
    ------
    InputError
        If the axes cannot be used, or the selection does not exist.
    """
    if any(size < 1 for size in shape):
        raise InputError(f"{file} has shape {tuple(shape)!r}, which holds no voxels")
    given = users_letters(file, pick.axes, shape, pick.option)
    named = name_axes(file, axes, shape, pick.option) if given is None else AxisLetters(given)
    letters, sure = named.letters, "" if given is None else "TCZYX"
    # samples of a pixel (red, green, blue) are restored as channels
    if "S" in letters and ("C" not in letters or shape[letters.index("C")] == 1):
        letters, sure = letters.replace("C", "?").replace("S", "C"), sure + "C"
    _check_letters(file, letters, shape, pick.option)
    times, no_time = selected(file, Entries("time point", "--time", _size(letters, shape, "T")), pick.time)
    several = Entries("channel", "--channel", _size(letters, shape, "C"), tuple(names))
    channels, no_channel = selected(file, several, pick.channel)
    dropped = "T" * no_time + "C" * no_channel
    kept = "".join(letter for letter in letters if letter in "TCZYX" and letter not in dropped)
    # channels that lie last, as in RGB, would be strided; the result has its planes last
    kept = kept if kept.endswith("YX") else "".join(letter for letter in "TCZYX" if letter in kept)
    # whoever picks entries of an axis knows what it is
    sure += "T" * (pick.time is not None) + "C" * (bool(names) or pick.channel is not None or pick.has_channels)
    doubtful = "".join(letter for letter in by_default if letter not in sure)
    return Layout(letters, tuple(map(int, shape)), times, channels, kept, sure, doubtful, named.note)


def _check_letters(file: str, letters: str, shape: Shape, option: str) -> None:
    """Raises InputError for axes that are not those of volumes, or not in their order."""
    if missing := [letter for letter in "YX" if letter not in letters]:
        raise InputError(f"{file} has axes {letters!r} and no {missing[0]!r} among them; say what they are by {option}")
    for letter, size in zip(letters, shape, strict=True):
        if letter not in "TCZYX" and size > 1:
            raise InputError(
                f"{file} has {size} entries along its axis {letter!r}; save the one you want as a file, or say what "
                f"its axes are by {option}"
            )
    if (order := [letter for letter in letters if letter in "ZYX"]) != sorted(order, reverse=True):
        raise InputError(f"{file} has axes {letters!r}, but volumes must lie as z, y, x; save it in that order")


def counted(layout: Layout) -> str:
    """Returns the numbers of selected time points and channels in words, without axes of a single entry."""
    several = Entries("time point", "", len(layout.times)), Entries("channel", "", len(layout.channels))
    return " of ".join(str(each) for each in several if each.size > 1)


def _size(letters: str, shape: Shape, letter: str) -> int:
    return int(shape[letters.index(letter)]) if letter in letters else 1
