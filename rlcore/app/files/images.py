"""Images of a file that holds several: their names, which of them are thumbnails, and the one that is taken."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rlcore.app.files.layout import Pick
from rlcore.app.whole_numbers import whole_number
from rlcore.backend.boxes import Shape
from rlcore.errors import InputError, caution

EVERY = "all"
"""Value of --image that stands for every image."""

_LISTED = 5
"""Most images that a message names."""

_ASIDE = re.compile(r"(.*\W)?(thumb(nail)?|label|macro|overview|preview|navigation)( ?image)?s?\W*\d*", re.IGNORECASE)
"""Names of pictures that microscopes and scanners store beside an image."""

_SMALLER = 4
"""Factor in voxels by which a plane has to be smaller than a plane of a stack beside it to be its thumbnail."""


class ImagesWarning(UserWarning):
    """One of several images in a file is taken."""


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """An image in a file."""

    number: int
    """Number in the file, from 0, by which the image can be picked."""
    name: str = ""
    """Name, or path within the file, by which it can be picked too; empty if it has none."""
    shape: Shape = ()
    """Length of each axis; empty if that was not looked up."""
    axes: str = ""
    dtype: str = ""
    kind: Literal["image", "thumbnail"] = "image"
    guessed: bool = False
    """True for a thumbnail that is known by nothing but its size."""

    def __str__(self) -> str:
        return f"{self.number} {self.name!r}" if self.name else str(self.number)

    def length(self, letters: str) -> int:
        """Returns the product of the lengths along some axes."""
        return math.prod(size for axis, size in zip(self.axes, self.shape, strict=False) if axis in letters)

    @property
    def described(self) -> str:
        """Shape and type as text, such as ``z 5, y 32, x 32, uint16``."""
        sizes = [f"{axis.lower()} {size}" for axis, size in zip(self.axes, self.shape, strict=False)]
        return ", ".join([*sizes, self.dtype] if self.dtype else sizes)


def tell_thumbnails(entries: Sequence[ImageEntry]) -> tuple[ImageEntry, ...]:
    """Marks images as thumbnails by their names and sizes, beside those that a reader has marked by flags.

    One that is named as a thumbnail is none unless it is smaller than the largest image. A single plane is the
    thumbnail of a stack beside it if it has less than a quarter of the voxels of one of the stack's planes, and that of
    a larger plane if it has the same proportions at half the size or less.
    """
    full = [entry for entry in entries if entry.kind == "image"]
    largest = max(full, key=lambda entry: math.prod(entry.shape), default=None)
    if largest is None:  # nothing but thumbnails: they are what there is
        return tuple(replace(entry, kind="image") for entry in entries)
    return tuple(_told(entry, largest) if entry.kind == "image" else entry for entry in entries)


def _told(entry: ImageEntry, largest: ImageEntry) -> ImageEntry:
    # no picture is without voxels: metadata that state one are damaged, and refused when it is read
    if math.prod(entry.shape) >= math.prod(largest.shape) or not math.prod(entry.shape):
        return entry
    if may_be_aside(entry.name):
        return replace(entry, kind="thumbnail")
    plane = entry.length("YX")
    if "Y" not in entry.axes or plane < math.prod(entry.shape):  # several planes, or channels
        return entry
    beside_stack = largest.length("YX") < math.prod(largest.shape) and plane * _SMALLER < largest.length("YX")
    if beside_stack or _is_coarser(entry, largest):
        return replace(entry, kind="thumbnail", guessed=True)
    return entry


def _is_coarser(entry: ImageEntry, largest: ImageEntry) -> bool:
    """Returns whether a plane has the proportions of another one at half its size or less."""
    factors = [largest.length(axis) / entry.length(axis) for axis in "YX"]
    return min(factors) >= 2 and abs(factors[0] - factors[1]) <= 0.05 * factors[0]


def may_be_aside(name: str) -> bool:
    """Returns whether an image has the name of a picture beside another, which its size confirms."""
    return _ASIDE.fullmatch(name) is not None


def is_every(which: str | int | None) -> bool:
    """Returns whether a value of --image stands for every image."""
    return which is not None and str(which).strip() == EVERY


def choose_image(file: str, entries: Sequence[ImageEntry], pick: Pick) -> ImageEntry:
    """Returns the image that the user picks, or the first that is no thumbnail, with a warning if there are more.

    Parameters
    ----------
    file : str
        The file's role and name in messages.
    entries : sequence of ImageEntry
        All images of the file, at least one.
    pick : Pick
        The user's selection.

    Raises
    ------
    InputError
        If the image does not exist, or if there are several and the file has to hold one.
    """
    if pick.image is not None:
        return _picked(file, entries, pick.image)
    full = [entry for entry in entries if entry.kind == "image"]
    if len(full) > 1:
        said = f"{file} holds {len(full)} images ({listed(full)})"
        if pick.sole:
            raise InputError(f"{said}; save the one you want as a file")
        caution(f"{said}; {full[0]} is taken, and `rlcore deconvolve --image` takes another, or all", ImagesWarning)
    elif guessed := [entry for entry in entries if entry.guessed]:
        said = (
            f"{file} holds a smaller picture ({listed(guessed)}: {guessed[0].described}) that is taken for a thumbnail"
        )
        caution(f"{said}{'' if pick.sole else '; `rlcore deconvolve --image` takes it'}", ImagesWarning)
    return full[0]


def _picked(file: str, entries: Sequence[ImageEntry], which: str | int) -> ImageEntry:
    """Returns the image of a name, which come first as with channels, or of a number; an integer is always that."""
    text = str(which).strip()
    if is_every(text):
        raise InputError("--image 'all' is for `rlcore deconvolve`, which restores one after the other; give one here")
    numbered = next((entry for entry in entries if entry.number == whole_number(text)), None)
    named = [] if isinstance(which, int) else [entry for entry in entries if entry.name == text]
    found = named[0] if len(named) == 1 else numbered
    if found is None and named:
        raise InputError(f"{file} has {len(named)} images of the name {text!r} ({listed(named)}); give a number")
    if found is None:
        several = f"{len(entries)} images" if len(entries) > 1 else "1 image"
        raise InputError(f"{file} has {several} ({listed(entries)}), and none is {text!r}; give another --image")
    if named and numbered is not None and named != [numbered]:
        caution(
            f"--image {text!r} is the name of {listed(named)} in {file} and the number of {numbered}; {found} is taken",
            ImagesWarning,
        )
    return found


def listed(entries: Sequence[ImageEntry]) -> str:
    """Returns numbers and names of images, the first few of many."""
    more = len(entries) - _LISTED
    return ", ".join(map(str, entries[:_LISTED])) + (f" and {more} more" if more > 0 else "")
