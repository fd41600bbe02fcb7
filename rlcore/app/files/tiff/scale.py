"""Physical scale of voxels and time points in TIFF's three dialects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import tifffile

from rlcore.app.files.metadata.units import canonical, in_ome_xml, metres
from rlcore.app.files.metadata.vendor_scale import of_vendor, positive
from rlcore.app.files.metadata.voxel import Dialect, Voxel
from rlcore.app.files.ome.elements import first_pixels

_OF_IMAGEJ = ("µm", "nm", "mm", "cm", "m", "km", "inch")


def read_voxel(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, dialect: Dialect, xml: str | None = None
) -> Voxel:
    """Reads the size of voxels of a series, along the axes for which the file gives it.

    Scales of the microscope's own program come before the tags of a plain TIFF, which printers use, and after what
    OME-XML and ImageJ's text say.

    Raises
    ------
    ValueError
        If ImageJ's text has something else where a number has to be.
    """
    vendors = of_vendor(tif)
    if dialect == "plain":
        return joined(vendors, _of_tags(tif, series))
    return joined(_of_ome(xml or "") if dialect == "ome" else _of_imagej(tif), vendors)


def joined(first: Voxel, second: Voxel) -> Voxel:
    """Returns the sizes of the first; of the second, those along axes that the first does not know in any unit."""
    known = {axis for axis in first.sizes if axis == "T" or first.metres(axis)}
    others = {axis: size for axis, size in second.sizes.items() if axis not in known}
    units = {axis: unit for axis, unit in second.units.items() if axis in others}
    return Voxel({**first.sizes, **others}, {**first.units, **units})


def _of_ome(xml: str) -> Voxel:
    pixels = first_pixels(ElementTree.fromstring(xml))
    return Voxel() if pixels is None else voxel_of_pixels(pixels.attrib)


def voxel_of_pixels(pixels: Mapping[str, str]) -> Voxel:
    """Returns the scale that the attributes of OME's Pixels state."""
    # missing units have defaults in the schema: µm and s
    keys = {**{axis: f"PhysicalSize{axis}" for axis in "ZYX"}, "T": "TimeIncrement"}
    sizes = {axis: size for axis, key in keys.items() if (size := positive(pixels.get(key)))}
    units = {axis: str(pixels.get(keys[axis] + "Unit", "s" if axis == "T" else "µm")) for axis in sizes}
    return Voxel(sizes, {axis: canonical(unit) for axis, unit in units.items()})


def _of_imagej(tif: tifffile.TiffFile) -> Voxel:
    metadata: dict[str, Any] = tif.imagej_metadata or {}
    sizes, unit = _resolution(tif.pages.first), canonical(str(metadata.get("unit", "")))
    if not unit:
        unit = _unit_of_tags(tif.pages.first)
    if spacing := _said(metadata, "spacing"):
        sizes["Z"] = spacing
    if unit == "pixel":
        unit = ""
    if not unit and set(sizes.values()) <= {1.0}:
        sizes = {}  # uncalibrated: ImageJ writes 1 pixel by default
    # ImageJ leaves out the units of y and z where they are that of x
    own = {axis: str(metadata.get(f"{axis.lower()}unit") or "") for axis in "YZ"}
    units = {axis: said for axis in sizes if (said := canonical(own.get(axis, "")) or unit)}
    if interval := _said(metadata, "finterval"):
        sizes["T"], units["T"] = interval, canonical(str(metadata.get("tunit", "s")))
    return Voxel(sizes, units)


def _said(metadata: dict[str, Any], key: str) -> float | None:
    """Returns a length of ImageJ's text; raises ValueError if it is no number, so that this does not go unsaid."""
    value = metadata.get(key)
    if isinstance(value, str):
        float(value.replace(",", "."))
    return positive(value)


def _of_tags(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Voxel:
    shaped = shaped_entries_of(tif, series)
    other = canonical(str(shaped.get("unit") or ""))
    unit = _unit_of_tags(series.keyframe) or other
    sizes = _resolution(series.keyframe) if unit else {}
    units = dict.fromkeys(sizes, unit)
    if metres(other):  # the tags know no other units than those of print
        across = Voxel(sizes, units).expressed(dict.fromkeys(sizes, other))
        sizes, units = across.sizes, across.units
    # the tags know no depth; tifffile's JSON takes entries that are named as ImageJ's
    if other and (spacing := positive(shaped.get("spacing"))):
        sizes["Z"], units["Z"] = spacing, other
    if interval := positive(shaped.get("finterval")):
        sizes["T"], units["T"] = interval, canonical(str(shaped.get("tunit", "s")))
    return Voxel(sizes, units)


def shaped_entries_of(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> dict[str, Any]:
    """Returns the entries of tifffile's text about a series; empty without any."""
    shaped = [each.keyframe for each in tif.series if each.kind == "shaped" and each.keyframe.shaped_description]
    entries = dict(zip(map(id, shaped), tif.shaped_metadata or (), strict=False))
    return dict(entries.get(id(series.keyframe), {}))


def _unit_of_tags(page: tifffile.TiffPage) -> str:
    # values 2 and 3 are fixed by the TIFF standard; 1 means no unit
    return {2: "inch", 3: "cm"}.get(int(getattr(page.tags.get("ResolutionUnit"), "value", 1)), "")


def _resolution(page: tifffile.TiffPage) -> dict[str, float]:
    """Converts the resolution tags, in voxels per unit, to units per voxel; tags of 0 or 1/0 are ignored."""
    sizes = {}
    for axis in "YX":
        tag = page.tags.get(f"{axis}Resolution")
        numerator, denominator = tag.value if tag is not None else (0, 1)
        if numerator and denominator:
            sizes[axis] = denominator / numerator
    return sizes


def ome_entries(voxel: Voxel) -> dict[str, str]:
    """Returns attributes of OME's Pixels; lengths in units that OME lacks are left out."""
    entries: dict[str, str] = {}
    for axis, size in voxel.sizes.items():
        key = "TimeIncrement" if axis == "T" else f"PhysicalSize{axis}"
        if unit := in_ome_xml(voxel.units.get(axis, ""), axis):
            entries |= {key: repr(float(size)), f"{key}Unit": unit}
    return entries


def imagej_entries(voxel: Voxel, axes: str) -> dict[str, Any]:
    """Returns entries of ImageJ's text; lengths in the plane are written as tags by `resolution`."""
    entries: dict[str, Any] = {}
    voxel = _of_imagej_kind(voxel)
    if "Z" in axes and "Z" in voxel.sizes:
        entries["spacing"] = voxel.sizes["Z"]
    if unit := voxel.units.get("X"):
        # ImageJ's text is ASCII, and it reads "micron" as µm
        entries["unit"] = "micron" if unit == "µm" else unit
    return {**entries, **_interval_entries(voxel)}


def _interval_entries(voxel: Voxel) -> dict[str, Any]:
    """Returns ImageJ's entries for the time step, which count in seconds unless they say otherwise."""
    if "T" not in voxel.sizes:
        return {}
    unit = voxel.units.get("T", "s")
    return {"finterval": voxel.sizes["T"], **({"tunit": unit} if unit != "s" else {})}


def resolution(voxel: Voxel, dialect: Dialect) -> dict[str, Any]:
    """Returns tifffile's arguments for the resolution tags of a plain or an ImageJ TIFF."""
    if dialect == "imagej":
        voxel = _of_imagej_kind(voxel)
    else:
        # the tags know only inch and cm
        unit = "inch" if voxel.units.get("X") == "inch" else "cm"
        voxel = voxel.expressed(dict.fromkeys("YX", unit))
    if "Y" not in voxel.sizes or "X" not in voxel.sizes or dialect == "ome":
        return {}
    arguments: dict[str, Any] = {"resolution": (1 / voxel.sizes["X"], 1 / voxel.sizes["Y"])}
    if dialect == "imagej":
        return arguments  # its unit is in the text
    return {**arguments, "resolutionunit": "INCH" if voxel.units["X"] == "inch" else "CENTIMETER"}


def shaped_entries(voxel: Voxel) -> dict[str, Any]:
    """Returns entries of a plain TIFF's text, for what no tag can hold: distance of planes, unit, time step."""
    entries = _interval_entries(voxel)
    if "Z" in voxel.sizes and voxel.units.get("Z"):
        return {"spacing": voxel.sizes["Z"], "unit": voxel.units["Z"], **entries}
    unit = voxel.units.get("X", "")
    return {"unit": unit, **entries} if metres(unit) else entries


def _of_imagej_kind(voxel: Voxel) -> Voxel:
    """Returns sizes in one unit, for ImageJ: that of x, or µm in place of units that its tags cannot count in."""
    unit = voxel.units.get("X", "")
    if metres(unit) is not None and unit not in _OF_IMAGEJ:
        voxel = voxel.expressed(dict.fromkeys("ZYX", "µm"))
    return voxel.in_unit_of_x()
