"""Writing TIFF: OME, ImageJ or plain, one stretch of voxels mapped to memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.ome_xml import ome_xml
from rlcore.app.files.tiff_scale import imagej_entries, resolution
from rlcore.app.files.voxel import Dialect
from rlcore.backend import Volume

if TYPE_CHECKING:
    from rlcore.app.files.output import Target

_ORDER = {"ome": "TCZYX", "imagej": "TZCYX"}


def create_tiff(path: Path, target: Target, dialect: Dialect) -> tuple[Volume, Layout, str]:
    """A new TIFF, mapped to memory, with its layout and its axes."""
    layout, axes = target.layout, _axes(target.layout, dialect)
    shape = tuple(layout.size(letter) for letter in axes)
    arguments: dict[str, Any] = {"photometric": "minisblack", **resolution(target.about.voxel, dialect)}
    if dialect == "ome":
        xml = ome_xml(target.about, layout, axes, shape, target.dtype, target.provenance)
        arguments |= {"description": xml, "metadata": None}
    else:
        entries = _imagej(target, axes) if dialect == "imagej" else _shaped(target)
        arguments |= {"imagej": dialect == "imagej", "metadata": {"axes": axes, **entries}}
    array = tifffile.memmap(path, shape=shape, dtype=np.dtype(target.dtype), **arguments)
    return array, layout, axes


def open_tiff(path: Path, target: Target, dialect: Dialect) -> tuple[Volume, Layout, str]:
    """One that `create_tiff` has made."""
    axes = _axes(target.layout, dialect)
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages.first.dataoffsets[0]
    shape = tuple(target.layout.size(letter) for letter in axes)
    return np.memmap(path, np.dtype(target.dtype), "r+", offset, shape), target.layout, axes


def _axes(layout: Layout, dialect: Dialect) -> str:
    return "".join(letter for letter in _ORDER.get(dialect, layout.axes) if letter in layout.axes)


def _imagej(target: Target, axes: str) -> dict[str, Any]:
    """ImageJ's entries: those of the image, the scale, and the provenance after what the image's text said."""
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
    said = f"{rest.pop('Info')}\n" if "Info" in rest else ""
    info = f"{said}{target.provenance.sentence}\nrlcore: {json.dumps(target.provenance.to_dict())}"
    return {**rest, **imagej_entries(about.voxel, axes), "Info": info}


def _planes(layout: Layout, channels: tuple[int, ...]) -> list[Place]:
    """Time and channel of every plane, in the order t, z, c; the channel as the file counts it."""
    depth = layout.size("Z")
    return [Place(t, c) for t in range(len(layout.times)) for _ in range(depth) for c in channels]


def _picked_labels(labels: list[str], layout: Layout) -> list[str]:
    """The labels of the planes that the result has; none if they are not one a plane."""
    sizes = [layout.size_in_file(letter) for letter in "TZC"]
    if len(labels) != np.prod(sizes):
        return []
    numbers = np.arange(len(labels)).reshape(sizes)[np.ix_(layout.times, range(sizes[1]), layout.channels)]
    return [labels[number] for number in numbers.ravel()]


def _shaped(target: Target) -> dict[str, Any]:
    """Entries of a plain TIFF, which tifffile writes as JSON."""
    about, provenance = target.about, target.provenance
    rest = dict(about.rest) if about.dialect == "plain" else {}
    if about.channels:
        rest["channel_names"] = [about.channels[c] for c in target.layout.channels]
    return {**rest, "note": provenance.sentence, "rlcore": provenance.to_dict()}
