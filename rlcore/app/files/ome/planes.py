"""Planes that OME-XML states, compared with the pages of the file."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from rlcore.app.files.ome.elements import children, descendants, first_pixels, local_name
from rlcore.app.files.tiff.structure import check_structure
from rlcore.errors import InputError


def check_ome(file: str, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, xml: str) -> None:
    """Checks that a file holds the planes that its OME-XML, whose first image is the one of the series, states.

    Planes that are missing are found in the series. tifffile shifts planes of stated sizes that are wrong.

    Raises
    ------
    InputError
        If the OME-XML cannot be used, or does not go with the pages.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise InputError(f"{file} has damaged OME-XML: {error}; get it again from where it came") from error
    pixels = first_pixels(root)
    if series.kind != "ome" or pixels is None:
        raise InputError(f"{file} has OME-XML that does not go with its pages; get it again from where it came")
    sizes = {letter: int(pixels.get(f"Size{letter}", "")) for letter in "XYCZT"}
    page = series.keyframe
    if (sizes["Y"], sizes["X"]) != (page.imagelength, page.imagewidth):
        raise InputError(
            f"{file} states planes of {sizes['Y']} x {sizes['X']} voxels and has {page.imagelength} x "
            f"{page.imagewidth}; get it again from where it came"
        )
    lacking = any(page is None for page in series)
    _check_planes(file, len(tif.pages), root, pixels, math.prod(sizes[letter] for letter in "CZT"), lacking=lacking)


def absent_files(path: Path, xml: str | None) -> tuple[str, ...]:
    """Returns the names of files that OME-XML places planes of its first image in, and that are not there."""
    images = [] if xml is None else children(ElementTree.fromstring(xml), "Image")
    names = dict.fromkeys(name for image in images[:1] for element in image.iter() if (name := element.get("FileName")))
    return tuple(name for name in names if name != path.name and not (path.parent / name).is_file())


def damaged_beside(path: Path, xml: str) -> str:
    """Returns the name of a damaged file that OME-XML places images in, but not its first; empty if there is none."""
    root = ElementTree.fromstring(xml)
    of_first = {element.get("FileName") for image in children(root, "Image")[:1] for element in image.iter()}
    for name in dict.fromkeys(filter(None, (element.get("FileName") for element in root.iter()))):
        if name in of_first or name == path.name or not (path.parent / name).is_file():
            continue
        try:
            if check_structure(path.parent / name, "")[1] is not None:
                return name
        except InputError:
            return name
    return ""


def _may_be_tiff(path: Path) -> bool:
    with path.open("rb") as stream:
        header = stream.read(8)
    return header[:2] in (b"II", b"MM") and len(header) == 8


def check_files(path: Path, file: str, tif: tifffile.TiffFile) -> None:
    """Checks that files in which a file's OME-XML places planes can be opened: opening a pipe would wait for ever.

    Raises
    ------
    InputError
        If one is there, and is no regular file or no TIFF, or if the OME-XML states sizes that are no numbers.
    """
    try:
        root = ElementTree.fromstring(tif.ome_metadata or "")
    except ElementTree.ParseError:
        return  # whether it needs metadata at all is seen later
    for pixels in descendants(root, "Pixels"):
        _check_sizes(file, pixels)
    for element in root.iter():
        name = element.get("FileName")
        if not name or not (path.parent / name).exists():
            continue
        if not (path.parent / name).is_file():
            raise InputError(f"{file} has planes in {name!r} by its OME-XML, which is no regular file; move that away")
        if local_name(element) == "UUID" and not _may_be_tiff(path.parent / name):
            raise InputError(f"{file} has planes in {name!r} by its OME-XML, which is no TIFF; get that file again")


def _check_sizes(file: str, pixels: ElementTree.Element) -> None:
    for name in (f"Size{letter}" for letter in "XYZCT"):
        if not (size := pixels.get(name, "")).strip().isdecimal():
            said = f"{name} {size!r} in its OME-XML, which is no whole number" if size else f"no {name} in its OME-XML"
            raise InputError(f"{file} states {said}; get it again from where it came")


def _check_planes(
    file: str, pages: int, root: ElementTree.Element, pixels: ElementTree.Element, stated: int, *, lacking: bool
) -> None:
    """Raises InputError if pages are placed that the file lacks, or held that the OME-XML does not state.

    `lacking` says that planes are known to be missing, which is refused elsewhere unless it is wanted.
    """
    blocks = children(pixels, "TiffData")
    if any(uuid.text != root.get("UUID") for block in blocks for uuid in children(block, "UUID")):
        return  # planes of other files, or of this one by an identifier of its own
    samples = next((int(channel.get("SamplesPerPixel", "1")) for channel in children(pixels, "Channel")), 1)
    planes = stated // samples
    # a block without a number stands for all pages, further images and thumbnails among them
    placed = sum(_count(block, pages, planes) for block in blocks)
    reach = max((int(block.get("IFD", "0")) + _count(block, pages, planes) for block in blocks), default=0)
    if placed > planes or (not lacking and (reach > pages or (len(blocks) == 1 and placed != planes))):
        raise InputError(
            f"{file} has {pages} pages, its OME-XML states {planes} planes in {placed}; get it again from where it came"
        )


def _count(block: ElementTree.Element, pages: int, planes: int) -> int:
    """Returns the number of planes of a block, whose default depends on whether it names its first page."""
    named = block.get("PlaneCount") or block.get("NumPlanes")
    return int(named) if named else 1 if "IFD" in block.attrib else min(pages, planes)
