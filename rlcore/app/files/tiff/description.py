"""Metadata of a TIFF that are true of its result too, by lists of what is kept of each dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import tifffile

from rlcore.app.files.axis_letters import users_letters
from rlcore.app.files.layout import Pick
from rlcore.app.files.metadata.channel_colours import colours_of_channels, of_ome_number, of_table
from rlcore.app.files.metadata.description import Description, names_of_channels
from rlcore.app.files.metadata.vendor_scale import positive
from rlcore.app.files.metadata.voxel import Dialect, Voxel
from rlcore.app.files.metadata.voxel_values import look_up_table
from rlcore.app.files.ome.elements import children, first_pixels
from rlcore.app.files.tiff.scale import read_voxel, shaped_entries_of
from rlcore.errors import caution
from rlcore.execution.volumes.image import ImageWarning

IMAGEJ_KEPT = ("Info", "Labels", "LUTs", "mode", "loop", "xorigin", "yorigin", "zorigin", "ROI", "Overlays")
"""ImageJ's entries that are kept, with a spacing below 0, whose sign is the direction of z; scale, interval and numbers
of planes are made anew."""


def describe(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, xml: str | None, pick: Pick, file: str
) -> Description:
    """Returns the metadata of a series.

    Parameters
    ----------
    tif : TiffFile
    series : TiffPageSeries
    xml : str or None
        OME-XML, whose first image is the series.
    pick : Pick
        The user's names of axes, if given, decide which are channels.
    file : str
        The file's role and name in messages.
    """
    dialect: Dialect = "ome" if xml is not None else "imagej" if tif.is_imagej else "plain"
    said, names, colours = _SAID[dialect](tif, series, xml)
    page = series.keyframe
    axes = users_letters(file, pick.axes, series.shape, pick.option) or series.axes
    letter = "C" if "C" in axes or "S" not in axes else "S"
    size = series.shape[axes.index(letter)] if letter in axes else 1
    return Description(
        dialect=dialect,
        voxel=_voxel(tif, series, dialect, xml, file),
        channels=names_of_channels(names, size),
        colours=colours_of_channels(colours, size),
        min_is_white=page.photometric == tifffile.PHOTOMETRIC.MINISWHITE,
        rest=said,
    )


def says_nothing_of_channels(tif: tifffile.TiffFile, about: Description) -> bool:
    """Returns whether a file may have an axis of channels only because its writer was not told what the axis is.

    ImageJ's and OME's writers in Python name an axis so by default. Names, colours, display ranges or wavelengths are
    set by somebody who knows channels; identifiers are not.
    """
    if about.channels:
        return False
    if about.dialect == "imagej":
        said = tif.imagej_metadata or {}
        return said.get("mode", "grayscale") == "grayscale" and not {"LUTs", "Ranges", "Labels"} & said.keys()
    if about.dialect == "ome":
        return not any(set(channel.keys()) - {"ID", "SamplesPerPixel"} for channel in _ome_channels(about.rest["xml"]))
    return False


def _voxel(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, dialect: Dialect, xml: str | None, file: str
) -> Voxel:
    """Returns the scale, or none if its numbers are none: the voxels can be read without."""
    try:
        return read_voxel(tif, series, dialect, xml)
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        caution(f"{file} has a scale that cannot be read, and counts as one without: {error}", ImageWarning)
        return Voxel()


Said = tuple[dict[str, Any], list[object], list[str]]
"""Entries of a dialect, and names and colours of channels."""


def _of_ome(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, xml: str | None) -> Said:
    channels = _ome_channels(xml or "")
    colours = [of_ome_number(channel.get("Color")) for channel in channels]
    return {"xml": xml}, [channel.get("Name") for channel in channels], colours


def _ome_channels(xml: str) -> list[ElementTree.Element]:
    """Returns the channels of the first image in OME-XML."""
    # not by tifffile's dictionary, which turns names such as 0488 and True into values
    pixels = first_pixels(ElementTree.fromstring(xml))
    return [] if pixels is None else children(pixels, "Channel")


def _of_imagej(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, xml: str | None) -> Said:
    entries = dict(tif.imagej_metadata or {})
    kept = {key: entries[key] for key in IMAGEJ_KEPT if key in entries}
    if "LUTs" not in kept and (tables := look_up_table(series.keyframe)):
        kept["LUTs"] = tables
    spacing = entries.get("spacing")
    if str(spacing).startswith("-") and (size := positive(spacing)):
        kept["spacing"] = -size
    colours = [of_table(table) for table in kept.get("LUTs", ())]
    return kept, _channels_of_labels(entries.get("Labels"), series), colours


def _channels_of_labels(labels: Any, series: tifffile.TiffPageSeries) -> list[object]:
    """Returns the labels of planes as names of channels, if they distinguish channels and nothing else."""
    # ImageJ has no names of channels, only a label for each plane, with channels varying fastest
    labels = list(labels) if isinstance(labels, list | tuple) else []
    size = series.shape[series.axes.index("C")] if "C" in series.axes else 1
    names = labels[:size]
    return names if size > 1 and labels and labels == names * (len(labels) // size) else []


def _of_shaped(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, xml: str | None) -> Said:
    entries = shaped_entries_of(tif, series)
    names = entries.pop("channel_names", ())
    for made in ("axes", "shape", "truncated"):  # how the file holds its voxels, which is of no use elsewhere
        entries.pop(made, None)
    if not entries and (text := series.keyframe.description) and not tif.is_shaped:
        entries = {"description": text}
    return entries, list(names) if isinstance(names, list) else [], []


_SAID: dict[Dialect, Callable[[tifffile.TiffFile, tifffile.TiffPageSeries, str | None], Said]] = {
    "ome": _of_ome, "imagej": _of_imagej, "plain": _of_shaped,
}  # fmt: skip
