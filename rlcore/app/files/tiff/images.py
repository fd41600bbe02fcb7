"""Images of a TIFF: elements of its OME-XML, or series of pages that tifffile finds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from rlcore.app.files.images import ImageEntry, tell_thumbnails
from rlcore.app.files.ome.elements import children, first_pixels, images_with_pixels, local_name
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning

_REDUCED, _MASK = 1, 4
"""Bits of a page's subfile type."""


@dataclass(frozen=True, slots=True, eq=False)
class TiffImages:
    """Images of a TIFF with their series, in the same order; None for one whose pages are in files that are absent."""

    entries: tuple[ImageEntry, ...]
    series: tuple[tifffile.TiffPageSeries | None, ...]

    def series_of(self, entry: ImageEntry, path: Path, xml: str | None, file: str) -> tifffile.TiffPageSeries:
        """Returns the series of an image; raises InputError if no page of it is there."""
        found = self.series[entry.number]
        if found is not None:
            return found
        pixels = first_pixels(images_with_pixels(ElementTree.fromstring(xml or ""))[entry.number])
        named = next(filter(None, _files(pixels)), "")
        where = f", which its OME-XML places in {named!r}, a file that is not there" if named else ""
        raise InputError(
            f"{file} has no plane of its image {entry}{where}; get {'it' if named else 'the file again'} from where "
            f"{'this one' if named else 'it'} came, or pick another image by --image"
        )


def images_of(tif: tifffile.TiffFile, path: Path, xml: str | None) -> TiffImages:
    """Returns the images of a file whose pages tifffile has gathered in series.

    Parameters
    ----------
    tif : TiffFile
    path : Path
    xml : str or None
        Its OME-XML, if that places its pages.
    """
    if xml is not None and tif.series[0].kind == "ome":
        return _of_ome(tif, path, xml)
    series = tif.series
    if (joined := _joined(tif)) is not None:
        series = [joined]
    entries = [_entry(number, each) for number, each in enumerate(series)]
    return TiffImages(tell_thumbnails(entries), tuple(series))


def say_joined(file: str, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Warns of planes that were appended one by one, if these are what a series was made of."""
    if len(tif.series) > 1 and not any(each is series for each in tif.series) and _joined(tif) is not None:
        axis = {"T": "over time", "C": "as channels"}.get(series.axes[0], "along z")
        caution(
            f"{file} holds {len(series)} planes that were appended one by one; they are taken {axis} as one image, and "
            "--axes says otherwise",
            ImageWarning,
        )


def with_first(xml: str | None, entry: ImageEntry) -> str | None:
    """Returns OME-XML whose first image is the one that is taken: all that is read later is of the first."""
    if xml is None:
        return xml
    root = ElementTree.fromstring(xml)
    taken = images_with_pixels(root)[entry.number]
    place, first = next((at, child) for at, child in enumerate(root) if local_name(child) == "Image")
    if first is taken:
        return xml
    root.remove(taken)
    root.insert(place, taken)
    return ElementTree.tostring(root, encoding="unicode")


def _entry(number: int, series: tifffile.TiffPageSeries, name: str = "") -> ImageEntry:
    aside = series.keyframe.subfiletype & (_REDUCED | _MASK)
    return ImageEntry(
        number,
        name or series.name,
        tuple(map(int, series.shape)),
        series.axes,
        str(series.dtype),
        "thumbnail" if aside else "image",
    )


def _joined(tif: tifffile.TiffFile) -> tifffile.TiffPageSeries | None:
    """Returns one series of planes that were appended one by one by tifffile; None if there are others in the file.

    A program that appends frames to a file writes a series each, without a name, all of one shape and type.
    """
    first, *others = tif.series
    if not others or not tif.is_shaped:
        return None
    if any(each.kind != "shaped" or each.name or each.keyframe.hash != first.keyframe.hash for each in tif.series):
        return None
    if any((each.axes, each.shape) != (first.axes, first.shape) for each in others):
        return None
    plane = [size for letter, size in zip(first.axes, first.shape, strict=True) if letter in "YX"]
    if len(plane) != 2 or math.prod(plane) != math.prod(first.shape) or first.keyframe.subfiletype:
        return None
    # an axis of one entry that the planes were written with says along which they follow each other
    lead = [letter for letter in first.axes if letter in "TZC"]
    letter = lead[0] if len(lead) == 1 else "I"
    pages = [each.keyframe for each in tif.series]
    return tifffile.TiffPageSeries(pages, (len(pages), *plane), first.dtype, f"{letter}YX", kind="shaped")


def _of_ome(tif: tifffile.TiffFile, path: Path, xml: str) -> TiffImages:
    """Pairs the images of OME-XML with tifffile's series, which leave out those that have no page."""
    left = list(tif.series)
    entries: list[ImageEntry] = []
    series: list[tifffile.TiffPageSeries | None] = []
    images = images_with_pixels(ElementTree.fromstring(xml))
    for number, image in enumerate(images):
        name, pixels = image.get("Name", ""), first_pixels(image)
        # an image that is the last to be paired takes the last series, whatever that is called
        due = bool(left) and (left[0].name == name or len(left) == len(images) - number)
        found = left.pop(0) if due and not _is_absent(pixels, path) else None
        series.append(found)
        entries.append(_stated(number, name, pixels) if found is None else _entry(number, found, name))
    return TiffImages(tell_thumbnails(entries), tuple(series))


def _stated(number: int, name: str, pixels: ElementTree.Element | None) -> ImageEntry:
    """Returns an image as its OME-XML states it."""
    said = {} if pixels is None else pixels.attrib
    sizes = {letter: int(said[key]) for letter in "TCZYX" if said.get(key := f"Size{letter}", "").isdecimal()}
    kept = {letter: size for letter, size in sizes.items() if size > 1 or letter in "YX"}
    return ImageEntry(number, name, tuple(kept.values()), "".join(kept), said.get("Type", ""))


def _is_absent(pixels: ElementTree.Element | None, path: Path) -> bool:
    """Returns whether all planes of an image are in files that are not there."""
    names = [] if pixels is None else _files(pixels)
    return bool(names) and all(name and name != path.name and not (path.parent / name).exists() for name in names)


def _files(pixels: ElementTree.Element | None) -> list[str]:
    """Returns the file of each block of planes, as its UUID names it; empty for the file itself."""
    blocks = [] if pixels is None else children(pixels, "TiffData")
    return [next((uuid.get("FileName", "") for uuid in children(block, "UUID")), "") for block in blocks]
