"""Writer for TIFF (OME, ImageJ or plain), with contiguous voxels mapped to memory."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.metadata.voxel import Dialect
from rlcore.app.files.ome.xml import ome_xml
from rlcore.app.files.tiff.scale import imagej_entries, resolution, shaped_entries
from rlcore.app.files.writing import destination
from rlcore.app.files.writing.pyramid import level_shape
from rlcore.backend import Shape, Volume

if TYPE_CHECKING:
    from rlcore.app.files.writing.output import Target

# ImageJ requires its order; OME allows any, and this one keeps the planes of a volume together
_ORDER = {"ome": "TCZYX", "imagej": "TZCYX"}

_EARLIER, _OF_IMAGE = re.compile("^rlcore: ", re.MULTILINE), "rlcore of the image: "
"""Beginnings of a line with the provenance of a result, and of its image if that is a result too."""


def create_tiff(path: Path, target: Target, dialect: Dialect) -> tuple[list[Volume], Layout, str]:
    """Creates a TIFF of zeros mapped to memory, and returns its levels with its layout and axes."""
    layout, axes = target.layout, _axes(target.layout, dialect)
    shapes = _shapes(target, axes)
    # values are those of the image, so that they are shown likewise
    photometric = "miniswhite" if target.about.min_is_white else "minisblack"
    arguments: dict[str, Any] = {"photometric": photometric, "dtype": np.dtype(target.dtype), "returnoffset": True}
    first: dict[str, Any] = {**resolution(target.about.voxel, dialect), "subifds": len(shapes) - 1}
    if dialect == "ome":
        xml = ome_xml(target.about, layout, axes, shapes[0], target.dtype, target.provenance)
        # metadata=None keeps tifffile from writing a description of its own after ours
        first |= {"description": xml, "metadata": None}
    else:
        entries = _imagej(target, axes) if dialect == "imagej" else _shaped(target)
        first |= {"metadata": {"axes": axes, **entries}}
    big = dialect != "imagej" and target.disk >= destination.CLASSIC_LIMIT
    with tifffile.TiffWriter(path, bigtiff=big, imagej=dialect == "imagej", ome=False) as tif:
        coarser: dict[str, Any] = {"subfiletype": 1, "metadata": None}
        spans = [tif.write(shape=shape, **arguments, **(coarser if n else first)) for n, shape in enumerate(shapes)]
    # the place of voxels is known wherever they are in one piece, as those without compression are
    return _mapped(path, target, [span[0] for span in spans if span], shapes), layout, axes


def open_tiff(path: Path, target: Target, dialect: Dialect) -> tuple[list[Volume], Layout, str]:
    """Maps a TIFF made by `create_tiff`, and returns its levels with its layout and axes."""
    axes = _axes(target.layout, dialect)
    # shapes and type are known from the target; only the offsets of the voxels are in the file
    with tifffile.TiffFile(path) as tif:
        first = tif.pages.first
        offsets = [page.dataoffsets[0] for page in (first, *(first.pages or ()))]
    return _mapped(path, target, offsets, _shapes(target, axes)), target.layout, axes


def _shapes(target: Target, axes: str) -> list[Shape]:
    """Returns the shape of each level; all levels have as many planes."""
    whole = tuple(target.layout.size(letter) for letter in axes)
    return [(*whole[:-2], *level_shape(whole[-2:], factors[-2:])) for factors in target.levels]


def _mapped(path: Path, target: Target, offsets: list[int], shapes: list[Shape]) -> list[Volume]:
    dtype = np.dtype(target.dtype)
    return [np.memmap(path, dtype, "r+", at, shape) for at, shape in zip(offsets, shapes, strict=True)]


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
    scale = imagej_entries(about.voxel, axes)
    if "spacing" in scale and rest.get("spacing", 0) < 0:
        scale["spacing"] *= -1
    return {**rest, **scale, "Info": info}


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
