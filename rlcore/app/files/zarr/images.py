"""Images of an OME-Zarr: one, several of a group, or those of a plate, a well or a collection by bioformats2raw.

Labels are segmentations, no images, and are never among them.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np

from rlcore.app.files.boundary import reading
from rlcore.app.files.images import ImageEntry, tell_thumbnails
from rlcore.app.files.ome.elements import children
from rlcore.app.files.remote.url import Location
from rlcore.app.files.zarr.placement import letter_of, stated_in
from rlcore.app.files.zarr.stores import folder_of
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning

_COLLECTION, _METADATA = "bioformats2raw.layout", "METADATA.ome.xml"
_COLLECTIONS = {"plate": "plate", "well": "well", _COLLECTION: "collection"}
"""Metadata by which a collection is known, with the word for it."""
_STRANGER = re.compile(r"Object at (\S+) is not recognized as a component of a Zarr hierarchy")
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
        what = next((what for key, what in _COLLECTIONS.items() if key in said), "")
        with reading(file), _understood(file, what):
            places = [(name, within, 0) for name, within in _members(group, said, path, file)]
        if not places and what:
            raise InputError(f"{file} is a {what} without images; name a file with an image")
        places = places or [("", "", 0)]
    entries = [_entry(group, number, *place) for number, place in enumerate(places)]
    told = tell_thumbnails(entries)
    return [ZarrPlace(entry, within, n) for entry, (_, within, n) in zip(told, places, strict=True)]


def image_at(group: Any, place: ZarrPlace, file: str) -> Any:
    """Returns the group of an image; raises InputError if the collection names it and does not hold it."""
    try:
        found = group[place.within] if place.within else group
    except (KeyError, FileNotFoundError, ValueError) as error:
        raise InputError(
            f"{file} lacks its image {place.entry}, which its metadata name; get it from where the others came, or "
            "pick another by --image"
        ) from error
    if not hasattr(found, "groups"):
        raise InputError(f"{file} has an array where its metadata name an image, {place.entry}; its metadata are wrong")
    return found


@contextmanager
def _understood(file: str, what: str) -> Iterator[None]:
    """Raises InputError for errors that metadata of the wrong form lead to, with what can be done."""
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} is a {what or 'group'} whose metadata do not say which images it has; name the folder of the "
            "image that you want"
        ) from error


def _members(group: Any, said: Mapping[str, Any], path: Location, file: str) -> Iterator[tuple[str, str]]:
    """Yields name and path of each image in a collection, of those too that it names and does not hold."""
    if "plate" in said:
        for well in said["plate"].get("wells", ()):
            inner = group.get(well["path"])
            if inner is None:
                yield well["path"], well["path"]
                continue
            for name, within in _members(inner, stated_in(inner.attrs), path, file):
                yield f"{well['path']}/{name}", f"{well['path']}/{within}"
    elif "well" in said:
        yield from ((str(field["path"]), str(field["path"])) for field in said["well"].get("images", ()))
    elif _COLLECTION in said:
        names = _names_of(path, file)
        for number, within in enumerate(_series(group, file)):
            yield names[number] if number < len(names) and names[number] else within, within
    else:
        # a folder that someone has gathered images in
        yield from ((name, name) for name, inner in _groups(group, file) if "multiscales" in stated_in(inner.attrs))


def _groups(group: Any, file: str) -> list[tuple[str, Any]]:
    """Returns the groups in a group by name; warns of folders that are no part of a Zarr."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = sorted(group.groups())
        except Exception as error:
            # errors of the library of objects have no class of their own that can be named without importing it
            if not type(error).__module__.startswith("obstore"):
                raise
            raise InputError(
                f"{file} is a group without a list of its images, and its server does not list what is there; name the "
                "URL of the image that you want"
            ) from error
    strangers = [match[1] for each in said if (match := _STRANGER.match(str(each.message)))]
    if strangers:
        caution(
            f"{file} holds {', '.join(map(repr, strangers))}, which has no metadata of a Zarr and is left out; if it "
            "was an image get it again",
            ImageWarning,
        )
    return found


def _series(group: Any, file: str) -> list[str]:
    """Returns the paths of the images that bioformats2raw has written, as it lists or else numbers them."""
    inner = group.get("OME")
    listed = stated_in(inner.attrs).get("series") if inner is not None else None
    if isinstance(listed, list) and listed:
        return [str(within) for within in listed]
    numbered = sorted(int(name) for name, _ in _groups(group, file) if name.isdecimal())
    return [str(number) for number in numbered]


def _names_of(path: Location, file: str) -> list[str]:
    """Returns the names of a collection's images; none if its OME-XML cannot be read, which costs no voxels."""
    try:
        root = ElementTree.fromstring((folder_of(path, file) / "OME" / _METADATA).read_bytes())
    except (OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError, ValueError):
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
