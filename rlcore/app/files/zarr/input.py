"""Reader for OME-Zarr 0.4 and 0.5."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.app.files.axis_letters import users_letters
from rlcore.app.files.images import ImageEntry, choose_image
from rlcore.app.files.layout import Index, Layout, Pick, lay_out
from rlcore.app.files.metadata.channel_colours import colours_of_channels
from rlcore.app.files.metadata.description import Description, names_of_channels
from rlcore.app.files.metadata.units import canonical
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.remote.objects import library
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.zarr.images import image_at, images_in
from rlcore.app.files.zarr.placement import letter_of, multiscale_of, placement, stated_in
from rlcore.app.files.zarr.signs import METADATA, Folder
from rlcore.app.files.zarr.slips import checked_image, shown_channels
from rlcore.app.files.zarr.stores import open_root, understanding
from rlcore.app.files.zarr.volume_in_array import VolumeInArray
from rlcore.app.files.zarr.zip_archive import is_archive
from rlcore.errors import InputError


def stranger_in_image(path: Folder) -> str | None:
    """Returns the name of something in a Zarr that is no part of an image's levels; None if there is nothing.

    A group of several images, a plate, labels or notes of a user are more than one image.
    """
    for entry in sorted(path.iterdir(), key=lambda each: each.name):
        if entry.name in METADATA:
            continue
        if not entry.is_dir() or not _is_array(entry):
            return entry.name
        for part in sorted(entry.iterdir(), key=lambda each: each.name):
            # chunks lie in "c" (version 3), or have numbers for names (version 2)
            if part.name not in (*METADATA, "c") and not part.name.replace(".", "").isdigit():
                return f"{entry.name}/{part.name}"
    return None


def _is_array(path: Folder) -> bool:
    if (path / ".zarray").is_file():
        return True
    metadata = path / "zarr.json"
    try:
        # reading a pipe would wait for ever
        return metadata.is_file() and bool(json.loads(metadata.read_bytes())["node_type"] == "array")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def libraries() -> tuple[Any, Any]:
    """Imports zarr and yaozarrs; raises InputError with the remedy if they are not installed."""
    try:
        import yaozarrs
        import zarr
    except ImportError as error:
        raise InputError(
            f"package {error.name!r}, which OME-Zarr needs, is not installed; try: pip install 'rlcore[zarr]'"
        ) from error
    return zarr, yaozarrs


def _libraries_for(path: Location) -> tuple[Any, Any]:
    """Imports what a place needs: for a URL obstore first, whose extra brings the others too."""
    if isinstance(path, Url):
        library()
    return libraries()


@dataclass(frozen=True, slots=True, eq=False)
class ZarrImage:
    """An image of an OME-Zarr."""

    path: Location
    """Place of the image, which lies in that of a collection; of one in an archive that of the archive."""
    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    fetch: Callable[[Index], VolumeInArray]
    """Function from an index to the volume there, which is read by slices."""
    images: tuple[ImageEntry, ...]
    """All images of the file."""
    taken: ImageEntry
    stored: dict[str, str]
    """Storage of the voxels, in words by their topic."""


def read_zarr(path: Location, file: str, pick: Pick) -> ZarrImage:
    """Opens an image of an OME-Zarr, which is one itself, or a collection: a plate, a well, a group of images.

    Raises
    ------
    InputError
        If it cannot be read, or is not a valid OME-Zarr image.
    """
    zarr, _ = _libraries_for(path)
    whole = open_root(path, file)
    found = images_in(whole, path, file)
    taken = choose_image(file, [each.entry for each in found], pick)
    place = found[taken.number]
    group = image_at(whole, place, file)
    if place.within and not is_archive(path):
        path = path / place.within
    image, attributes = _image(file, dict(group.attrs), place.multiscale)
    scales = image.multiscales[0]
    try:
        with understanding(file, f"of its array {scales.datasets[0].path!r}"):
            array = group[scales.datasets[0].path]
    except (KeyError, FileNotFoundError) as error:
        raise InputError(f"{file} lacks the array {scales.datasets[0].path!r} that its metadata name") from error
    if not isinstance(array, zarr.Array):
        raise InputError(f"{file} has a group where its metadata name an array: {scales.datasets[0].path!r}")
    _check_lengths(array, file)
    described = multiscale_of(attributes)
    axes = "".join(letter_of(axis) for axis in described["axes"])
    if len(axes) != array.ndim:
        raise InputError(f"{file} has {array.ndim} axes and names {len(axes)}; its metadata are wrong")
    meant = users_letters(file, pick.axes, array.shape, pick.option) or axes
    size = array.shape[meant.index("C")] if "C" in meant else 1
    shown = shown_channels(stated_in(attributes).get("omero"))
    about = Description(
        dialect="zarr",
        voxel=_voxel(described, axes, meant, file),
        channels=_channels(image, size),
        colours=colours_of_channels([channel.get("color", "") for channel in shown], size),
        rest={"attributes": attributes},
    )
    layout = lay_out(file, axes, array.shape, pick, about.channels)

    def fetch(index: Index) -> VolumeInArray:
        return VolumeInArray(array, index, str(path), file)

    stored = _storage(array, len(scales.datasets), attributes)
    images = tuple(each.entry for each in found)
    return ZarrImage(path, about, layout, np.dtype(array.dtype), fetch, images, taken, stored)


def list_zarr(path: Location, file: str) -> tuple[ImageEntry, ...]:
    """Returns the images of an OME-Zarr."""
    _libraries_for(path)
    return tuple(each.entry for each in images_in(open_root(path, file), path, file))


def _storage(array: Any, levels: int, attributes: dict[str, Any]) -> dict[str, str]:
    """Returns how the voxels are stored, in words by their topic."""
    codecs = [type(codec).__name__.removesuffix("Codec").lower() for codec in array.compressors]
    said = {
        "format": f"OME-Zarr {'0.5' if 'ome' in attributes else '0.4'}",
        "compression": ", ".join(codecs) or "none",
        "chunks": " x ".join(map(str, array.chunks)),
    }
    return said | ({"levels": f"{levels}, of which the finest is read"} if levels > 1 else {})


def _check_lengths(array: Any, file: str) -> None:
    """Raises InputError for lengths that zarr takes, and no volume has: it would be read by chunks of no voxels."""
    for what, lengths in (("shape", array.shape), ("chunks of shape", array.chunks)):
        if any(length < 1 for length in lengths):
            raise InputError(f"{file} has {what} {tuple(lengths)!r}, which holds no voxels; its metadata are wrong")
        # Python's integers do not overflow, NumPy's do
        if math.prod(lengths) * np.dtype(array.dtype).itemsize > sys.maxsize:
            raise InputError(f"{file} has {what} {tuple(lengths)!r}, too large for any memory; its metadata are wrong")


def _image(file: str, attributes: dict[str, Any], multiscale: int) -> tuple[Any, dict[str, Any]]:
    """Returns the validated metadata of an image, and its attributes as far as they can be used.

    Of several multiscales of a group the one that is taken comes first in them, as all that is read later is of the
    first.
    """
    said = stated_in(attributes)
    if "multiscales" not in said:
        raise InputError(f"{file} has no OME-Zarr metadata; write it as an OME-Zarr image")
    if multiscale:
        scales = said["multiscales"]
        said = {**said, "multiscales": [scales[multiscale], *scales[:multiscale], *scales[multiscale + 1 :]]}
        attributes = {**attributes, "ome": said} if "ome" in attributes else dict(said)
    return checked_image(libraries()[1], attributes, file)


def _voxel(multiscale: dict[str, Any], axes: str, meant: str, file: str) -> Voxel:
    """Returns the size of voxels, whatever the direction of their axes; none along those that are meant otherwise."""
    try:
        factors = placement(multiscale).scale
    except ValueError as error:
        raise InputError(f"{file} has transformations that do not fit its {len(axes)} axes; correct them") from error
    kept = {letter for letter, given in zip(axes, meant, strict=True) if letter == given}
    sizes = {letter: abs(factors.get(letter, 0.0)) for letter in axes if letter in "TZYX" and letter in kept}
    wrong = [letter for letter, size in sizes.items() if letter in "ZYX" and not 0 < size < math.inf]
    doubt = f"say {sizes[wrong[0]]:g} along {wrong[0].lower()}" if wrong else ""
    described = zip(axes, multiscale["axes"], strict=True)
    units = {letter: canonical(str(axis["unit"])) for letter, axis in described if axis.get("unit") and letter in kept}
    # a scale of 1 without a unit is the mandatory placeholder of a file that does not know its scale
    known = {letter: f for letter, f in sizes.items() if 0 < f < math.inf and (letter in units or f != 1)}
    return Voxel(known, {letter: unit for letter, unit in units.items() if sizes.get(letter, 1) > 0}, doubt)


def _channels(image: Any, size: int) -> tuple[str, ...]:
    channels: Iterable[Any] = image.omero.channels if getattr(image, "omero", None) else ()
    return names_of_channels([channel.label for channel in channels], size)
