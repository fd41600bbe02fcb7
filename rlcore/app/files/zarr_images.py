"""Images of an OME-Zarr: one, several of a group, or those of a plate, a well or a collection by bioformats2raw.

Labels are segmentations, no images, and are never among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np

from rlcore.app.files.boundary import reading
from rlcore.app.files.images import ImageEntry, tell_thumbnails
from rlcore.app.files.ome_elements import children
from rlcore.app.files.remote.objects import Entry
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.zarr_placement import letter_of, stated_in
from rlcore.app.files.zarr_signs import Folder
from rlcore.errors import InputError

_COLLECTION, _METADATA = "bioformats2raw.layout", "METADATA.ome.xml"
_LOOKED_UP = 32
"""Most images whose shapes are looked up: a plate has thousands, of one shape."""


@dataclass(frozen=True, slots=True)
class ZarrPlace:
    """An image, and where it lies in the group."""

    entry: ImageEntry
    within: str = ""
    """Path of its group within that of the file; empty for the file's own."""
    multiscale: int = 0
    """Number of the entry in its group's "multiscales"."""


def images_in(group: Any, path: Location, file: str) -> list[ZarrPlace]:
    """Returns the images of a group, at least one.

    Parameters
    ----------
    group : zarr.Group
    path : Path or Url
        Its folder, or an archive that it is in.
    file : str
        The file's role and name in messages.

    Raises
    ------
    InputError
        If it is a collection without images.
    """
    said = stated_in(group.attrs)
    if "multiscales" in said:
        scales = said["multiscales"] if isinstance(said["multiscales"], list) else []
        places = [(_name(scale), "", number) for number, scale in enumerate(scales)] or [("", "", 0)]
    else:
        with reading(file):
            places = [(name, within, 0) for name, within in _members(group, said, path)]
        if not places and (kind := next((key for key in ("plate", "well", _COLLECTION) if key in said), None)):
            what = "collection" if kind == _COLLECTION else kind
            raise InputError(f"{file} is a {what} without images; name a file with an image")
        places = places or [("", "", 0)]
    entries = [_entry(group, number, *place) for number, place in enumerate(places)]
    told = tell_thumbnails(entries)
    return [ZarrPlace(entry, within, n) for entry, (_, within, n) in zip(told, places, strict=True)]


def _members(group: Any, said: Mapping[str, Any], path: Location) -> Iterator[tuple[str, str]]:
    """Yields name and path of each image in a collection."""
    if "plate" in said:
        for well in said["plate"].get("wells", ()):
            inner = group.get(well["path"])
            for name, within in _members(inner, stated_in(inner.attrs), path) if inner is not None else ():
                yield f"{well['path']}/{name}", f"{well['path']}/{within}"
    elif "well" in said:
        yield from ((str(field["path"]), str(field["path"])) for field in said["well"].get("images", ()))
    elif _COLLECTION in said:
        names = _names_of(path)
        for number, within in enumerate(_series(group)):
            yield names[number] if number < len(names) and names[number] else within, within
    else:
        # a folder that someone has gathered images in
        yield from ((name, name) for name, inner in sorted(group.groups()) if "multiscales" in stated_in(inner.attrs))


def _series(group: Any) -> list[str]:
    """Returns the paths of the images that bioformats2raw has written, as it lists or else numbers them."""
    inner = group.get("OME")
    listed = stated_in(inner.attrs).get("series") if inner is not None else None
    if isinstance(listed, list) and listed:
        return [str(within) for within in listed]
    numbered = sorted(int(name) for name, _ in group.groups() if name.isdecimal())
    return [str(number) for number in numbered]


def _names_of(path: Location) -> list[str]:
    """Returns the names of a collection's images; none if its OME-XML cannot be read, which costs no voxels."""
    folder: Folder = Entry.at(path) if isinstance(path, Url) else path
    try:
        root = ElementTree.fromstring((folder / "OME" / _METADATA).read_bytes())
    except (OSError, ElementTree.ParseError, ValueError):
        return []
    return [image.get("Name", "") for image in children(root, "Image")]


def _entry(group: Any, number: int, name: str, within: str, multiscale: int) -> ImageEntry:
    """Returns an image, with its shape as far as it can be looked up: a fault is told when it is opened."""
    if number >= _LOOKED_UP:
        return ImageEntry(number, name)
    try:
        inner = group[within] if within else group
        scale = stated_in(inner.attrs)["multiscales"][multiscale]
        array = inner[scale["datasets"][0]["path"]]
        axes = "".join(letter_of(axis) for axis in scale["axes"])
        return ImageEntry(number, name, tuple(map(int, array.shape)), axes, str(np.dtype(array.dtype)))
    except Exception:  # noqa: BLE001  # whatever the library raises of damaged metadata
        return ImageEntry(number, name)


def _name(scale: Any) -> str:
    name = scale.get("name") if isinstance(scale, dict) else None
    return name if isinstance(name, str) else ""
