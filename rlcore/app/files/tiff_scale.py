"""Physical scale of voxels and time points in TIFF's three dialects."""

from __future__ import annotations

import math
from typing import Any

import tifffile

from rlcore.app.files.units import canonical, in_ome_xml
from rlcore.app.files.voxel import Dialect, Voxel


def read_voxel(tif: tifffile.TiffFile, dialect: Dialect) -> Voxel:
    """Reads the size of voxels, along the axes for which the file gives it."""
    return {"ome": _of_ome, "imagej": _of_imagej}.get(dialect, _of_tags)(tif)


def _of_ome(tif: tifffile.TiffFile) -> Voxel:
    image = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    # missing units have defaults in the schema: µm and s
    keys = {**{axis: f"PhysicalSize{axis}" for axis in "ZYX"}, "T": "TimeIncrement"}
    sizes = {axis: float(pixels[key]) for axis, key in keys.items() if 0 < float(pixels.get(key) or 0) < math.inf}
    units = {axis: str(pixels.get(keys[axis] + "Unit", "s" if axis == "T" else "µm")) for axis in sizes}
    return Voxel(sizes, {axis: canonical(unit) for axis, unit in units.items()})


def _of_imagej(tif: tifffile.TiffFile) -> Voxel:
    metadata: dict[str, Any] = tif.imagej_metadata or {}
    sizes, unit = _resolution(tif), canonical(str(metadata.get("unit", "")))
    # some programs write a negative spacing for stacks scanned downwards
    if 0 < (spacing := abs(float(metadata.get("spacing") or 0))) < math.inf:
        sizes["Z"] = spacing
    if not unit or unit == "pixel":
        sizes = {}  # uncalibrated: ImageJ writes 1 pixel by default
    units = dict.fromkeys(sizes, unit)
    if 0 < (interval := float(metadata.get("finterval") or 0)) < math.inf:
        sizes["T"], units["T"] = interval, canonical(str(metadata.get("tunit", "s")))
    return Voxel(sizes, units)


def _of_tags(tif: tifffile.TiffFile) -> Voxel:
    # values 2 and 3 are fixed by the TIFF standard; 1 means no unit
    unit = {2: "inch", 3: "cm"}.get(int(getattr(tif.pages.first.tags.get("ResolutionUnit"), "value", 1)), "")
    sizes = _resolution(tif) if unit else {}
    return Voxel(sizes, dict.fromkeys(sizes, unit))


def _resolution(tif: tifffile.TiffFile) -> dict[str, float]:
    """Converts the resolution tags, in voxels per unit, to units per voxel; tags of 0 or 1/0 are ignored."""
    sizes = {}
    for axis in "YX":
        tag = tif.pages.first.tags.get(f"{axis}Resolution")
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
    voxel = voxel.in_unit_of_x()
    if "Z" in axes and "Z" in voxel.sizes:
        entries["spacing"] = voxel.sizes["Z"]
    if unit := voxel.units.get("X"):
        # ImageJ's text is ASCII, and it reads "micron" as µm
        entries["unit"] = "micron" if unit == "µm" else unit
    if "T" in voxel.sizes:
        entries["finterval"] = voxel.sizes["T"]
        if (unit := voxel.units.get("T", "s")) != "s":
            entries["tunit"] = unit
    return entries


def resolution(voxel: Voxel, dialect: Dialect) -> dict[str, Any]:
    """Returns tifffile's arguments for the resolution tags of a plain or an ImageJ TIFF."""
    voxel = voxel.in_unit_of_x()
    if "Y" not in voxel.sizes or "X" not in voxel.sizes or dialect == "ome":
        return {}
    arguments: dict[str, Any] = {"resolution": (1 / voxel.sizes["X"], 1 / voxel.sizes["Y"])}
    if dialect == "imagej":
        return arguments  # its unit is in the text
    # the tags know only inch and cm; other units are left out rather than converted
    unit = {"inch": "INCH", "cm": "CENTIMETER"}.get(voxel.units.get("X", ""))
    return {**arguments, "resolutionunit": unit} if unit else {}
