"""Planes of an image that its metadata state and no file holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from rlcore.app.files.layout import Layout

_WORDS = {"T": "time", "C": "channel", "Z": "z"}
_LISTED = 4
"""Most ranges, files or groups of planes that a message lists."""


@dataclass(frozen=True, slots=True)
class MissingPlanes:
    """Planes that were selected, and that no file holds."""

    count: int
    total: int
    """Number of planes selected."""
    where: str
    """Their time points, channels and planes, counted from 0; empty if these cannot be told."""
    files: tuple[str, ...]
    """Names of files that are not there, and that planes are placed in."""
    cause: str = ""
    """What was found to be damaged, as the beginning of a sentence."""
    letters: str = ""
    """Axes by which `places` are numbered, of T, C and Z; empty if these cannot be told."""
    places: frozenset[tuple[int, ...]] = frozenset()
    """Planes by their indices along these axes of the file."""

    def of_volume(self, time: int, channel: int, depth: int) -> tuple[int, ...]:
        """Returns the planes along z that a volume lacks; its time point and channel count as in the file."""
        at = {"T": time, "C": channel}
        found: set[int] = set()
        for place in self.places:
            named = dict(zip(self.letters, place, strict=True))
            if all(named.get(letter, number) == number for letter, number in at.items()):
                found |= {named["Z"]} if "Z" in named else set(range(depth))
        return tuple(sorted(found))

    def with_depth(self, letter: str) -> MissingPlanes:
        """Returns the same planes of a file one axis of which is taken for z."""
        return replace(self, letters=self.letters.replace("Z", "?").replace(letter, "Z"))

    @property
    def is_known(self) -> bool:
        """True if it can be told which planes are missing."""
        return bool(self.places)

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        said = f"lacks {self.count} of its {self.total} planes{where}"
        if self.files:
            names, more = ", ".join(map(repr, self.files[:_LISTED])), len(self.files) - _LISTED
            verb = "is" if len(self.files) == 1 else "are"
            said += f", as {names}{f' and {more} more' if more > 0 else ''} {verb} not there"
        return said


def find_missing(
    lacking: Sequence[bool], lead: tuple[int, ...], layout: Layout, files: tuple[str, ...], cause: str
) -> MissingPlanes | None:
    """Returns the planes that are selected and missing; None if there is none.

    Parameters
    ----------
    lacking : sequence of bool
        Whether each page of the file, in order, is missing.
    lead : tuple of int
        Lengths of the file's axes before those of a page; not used if the pages are not one a plane.
    layout : Layout
    files : tuple of str
        Names of files that are not there.
    cause : str
        What was found to be damaged.
    """
    lost = np.array(lacking, bool)
    if not lost.any():
        return None
    if math.prod(lead) != lost.size:
        return MissingPlanes(int(lost.sum()), lost.size, "", files, cause)
    lost = lost.reshape(lead)
    letters = layout.file_axes[: lost.ndim]
    kept = {"T": layout.times, "C": layout.channels}
    along = [list(kept.get(letter, range(size))) for letter, size in zip(letters, lead, strict=True)]
    picked = lost[np.ix_(*along)] if along else lost
    if not picked.any():
        return None
    # in the order of words, whatever the order in the file
    order = [letters.index(letter) for letter in _WORDS if letter in letters]
    found = sorted(tuple(along[axis][place[axis]] for axis in order) for place in np.argwhere(picked).tolist())
    named = [_WORDS[letters[axis]] for axis in order]
    where = _describe(found, named, [len(along[axis]) for axis in order])
    named_by = "".join(letters[axis] for axis in order)
    return MissingPlanes(int(picked.sum()), int(picked.size), where, files, cause, named_by, frozenset(found))


def _describe(found: list[tuple[int, ...]], named: list[str], sizes: list[int]) -> str:
    """Describes places as ranges along each axis, or group by group if they are no full product of ranges."""
    spans = [sorted(set(numbers)) for numbers in zip(*found, strict=True)]
    if len(found) == math.prod(map(len, spans)):
        # an axis along which all are missing need not be named
        parts = [
            f"{name} {_ranges(span)}"
            for name, span, size in zip(named, spans, sizes, strict=True)
            if len(span) < size or len(named) == 1
        ]
        return ", ".join(parts)
    groups = [
        ", ".join([*(f"{n} {at}" for n, at in zip(named, head, strict=False)), f"{named[-1]} {_ranges(tail)}"])
        for head, tail in ((head, [place[-1] for place in rest]) for head, rest in groupby(found, lambda p: p[:-1]))
    ]
    return "; ".join(groups[:_LISTED]) + ("; and more" if len(groups) > _LISTED else "")


def _ranges(numbers: list[int]) -> str:
    """Returns sorted numbers as ranges, as in ``0, 3 to 5``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [str(first) if first == last else f"{first} to {last}" for first, last in runs]
    return ", ".join(texts[:_LISTED]) + (" and more" if len(texts) > _LISTED else "")
