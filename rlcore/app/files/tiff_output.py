"""Writer for TIFF (OME, ImageJ or plain), with contiguous voxels mapped to memory."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.ome_xml import ome_xml
from rlcore.app.files.tiff_scale import imagej_entries, resolution, shaped_entries
from rlcore.app.files.voxel import Dialect
from rlcore.backend import Volume

if TYPE_CHECKING:
    from rlcore.app.files.output import Target

# ImageJ requires its order; OME allows any, and this one keeps the planes of a volume together
_ORDER = {"ome": "TCZYX", "imagej": "TZCYX"}

_EARLIER, _OF_IMAGE = re.compile("^rlcore: ", re.MULTILINE), "rlcore of the image: "
"""Beginnings of a line with the provenance of a result, and of its image if that is a result too."""


def create_tiff(path: Path, target: Target, dialect: Dialect) -> tuple[Volume, Layout, str]:
    """Creates a TIFF of zeros mapped to memory, and returns it with its layout and axes."""
    layout, axes = target.layout, _axes(target.layout, dialect)
    shape = tuple(layout.size(letter) for letter in axes)
    # values are those of the image, so that they are shown likewise
    photometric = "miniswhite" if target.about.min_is_white else "minisblack"
    arguments: dict[str, Any] = {"photometric": photometric, **resolution(target.about.voxel, dialect)}
    if dialect == "ome":
        xml = ome_xml(target.about, layout, axes, shape, target.dtype, target.provenance)
        # metadata=None keeps tifffile from writing a description of its own after ours
        arguments |= {"description": xml, "metadata": None}
    else:
        entries = _imagej(target, axes) if dialect == "imagej" else _shaped(target)
        arguments |= {"imagej": dialect == "imagej", "metadata": {"axes": axes, **entries}}
    array = tifffile.memmap(path, shape=shape, dtype=np.dtype(target.dtype), **arguments)
    return array, layout, axes


def open_tiff(path: Path, target: Target, dialect: Dialect) -> tuple[Volume, Layout, str]:
    """Maps a TIFF made by `create_tiff`, and returns it with its layout and axes."""
    axes = _axes(target.layout, dialect)
    # shape and type are known from the target; only the offset of the voxels is in the file
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages.first.dataoffsets[0]
    shape = tuple(target.layout.size(letter) for letter in axes)
    return np.memmap(path, np.dtype(target.dtype), "r+", offset, shape), target.layout, axes


def describe_again(path: Path, target: Target, dialect: Dialect, axes: str) -> None:
    """Writes the metadata of a TIFF made by `create_tiff` anew, behind its voxels, which stay where they are."""
    with tifffile.TiffFile(path, mode="r+") as tif:
        tags = tif.pages.first.tags
        if dialect == "ome":
            shape = tuple(target.layout.size(letter) for letter in axes)
            tags["ImageDescription"].overwrite(
                ome_xml(target.about, target.layout, axes, shape, target.dtype, target.provenance)
            )
        elif dialect == "imagej":
            for code, _, _, value, _ in tifffile.imagej_metadata_tag(_imagej(target, axes), tif.byteorder):
                tags[code].overwrite(value)
        else:
            said = json.loads(tif.pages.first.description)
            tags["ImageDescription"].overwrite(json.dumps({**said, **_shaped(target)}))


def _axes(layout: Layout, dialect: Dialect) -> str:
    return "".join(letter for letter in _ORDER.get(dialect, layout.axes) if letter in layout.axes)


def _imagej(target: Target, axes: str) -> dict[str, Any]:
    """Returns ImageJ's entries: those of the image, the scale, and the provenance appended to the image's text."""
    about, layout = target.about, target.layout
    rest = dict(about.rest) if about.dialect == "imagej" else {}
    labels = rest.pop("Labels", None)
    if labels and (picked := _picked_labels(list(labels), layout)):
        rest["Labels"] = picked
    elif about.channels:
        rest["Labels"] = [about.channels[place.channel] for place in _planes(layout, layout.channels)]
    lookups = rest.pop("LUTs", None)
    if lookups is not None and len(lookups) == layout.size_in_file("C"):
        rest["LUTs"] = [lookups[c] for c in layout.channels]
    if layout.size("C") == 1:
        rest.pop("mode", None)  # of how channels are shown together
    if any(layout.size(letter) != layout.size_in_file(letter) for letter in "TC"):
        for regions in ("ROI", "Overlays"):  # they are at planes by numbers that are none of ours
            rest.pop(regions, None)
    said = f"{_EARLIER.sub(_OF_IMAGE, str(rest.pop('Info')))}\n" if "Info" in rest else ""
    info = f"{said}{target.provenance.sentence}\nrlcore: {json.dumps(target.provenance.to_dict())}"
    # one unit is written for all axes; those of y and z would be wrong of it
    rest = {key: value for key, value in rest.items() if key not in ("yunit", "zunit")}
    return {**rest, **imagej_entries(about.voxel, axes), "Info": info}


def _planes(layout: Layout, channels: tuple[int, ...]) -> list[Place]:
    """Returns time and channel of every plane in ImageJ's order t, z, c; channels are counted as in the file."""
    depth = layout.size("Z")
    return [Place(t, c) for t in range(len(layout.times)) for _ in range(depth) for c in channels]


def _picked_labels(labels: list[str], layout: Layout) -> list[str]:
    """Returns the labels of the selected planes in ImageJ's order; empty unless the file has one label per plane."""
    stored = [letter for letter in layout.file_axes if letter in "TZC"]
    sizes = [layout.size_in_file(letter) for letter in stored]
    if len(labels) != np.prod(sizes):
        return []
    numbers = np.arange(len(labels)).reshape(*sizes, *(1,) * (3 - len(stored)))
    order = [*stored, *(letter for letter in "TZC" if letter not in stored)]
    numbers = numbers.transpose([order.index(letter) for letter in "TZC"])
    numbers = numbers[np.ix_(layout.times, range(numbers.shape[1]), layout.channels)]
    return [labels[number] for number in numbers.ravel()]


def _shaped(target: Target) -> dict[str, Any]:
    """Returns entries of a plain TIFF, which tifffile writes as JSON; those of the image stand apart as such."""
    about, provenance = target.about, target.provenance
    made: dict[str, Any] = {"note": provenance.sentence, "rlcore": provenance.to_dict()}
    if about.channels:
        made["channel_names"] = [about.channels[c] for c in target.layout.channels]
    if about.dialect == "plain" and about.rest:
        made["image_metadata"] = dict(about.rest)
    return {**shaped_entries(about.voxel), **made}
