"""The physical scale of a file's voxels, as TIFF's three dialects say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import tifffile

Dialect = Literal["ome", "imagej", "plain", "npy"]
"""How a file describes itself: OME-XML, ImageJ's text, TIFF's own tags, or not at all."""

_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "µm": 1e-6, "nm": 1e-9, "inch": 0.0254}
_SPELLINGS = {
    "micron": "µm",
    "microns": "µm",
    "um": "µm",
    "μm": "µm",
    "\\u00B5m": "µm",
    "micrometer": "µm",
    "in": "inch",
}


@dataclass(frozen=True, slots=True)
class Voxel:
    """Length of a voxel along those axes where a file says it."""

    sizes: dict[str, float] = field(default_factory=dict)
    """By axis letter, in the axis's unit."""
    units: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return ", ".join(
            f"{axis.lower()} {size:.6g} {self.units.get(axis, '')}".rstrip() for axis, size in self._items()
        )

    def differs(self, other: Voxel) -> bool:
        """Whether both say the length of some axis, and not the same within 1 %."""
        return any(
            abs(ours - theirs) > 0.01 * ours
            for axis in self.sizes.keys() & other.sizes.keys()
            if (ours := self._metres(axis)) and (theirs := other._metres(axis))
        )

    def micrometres(self, axes: str) -> tuple[float, ...] | None:
        """Along these axes; None unless all are known, in units that are."""
        lengths = [self._metres(axis) if axis in self.sizes else None for axis in axes]
        return tuple(length * 1e6 for length in lengths if length) if axes and all(lengths) else None

    def to_dict(self) -> dict[str, dict[str, object]]:
        """By axis, in types that JSON has."""
        return {axis.lower(): {"size": size, "unit": self.units.get(axis, "")} for axis, size in self._items()}

    def _items(self) -> list[tuple[str, float]]:
        return [(axis, self.sizes[axis]) for axis in "ZYX" if axis in self.sizes]

    def _metres(self, axis: str) -> float | None:
        scale = _METRES.get(self.units.get(axis, ""))
        return None if scale is None else self.sizes[axis] * scale


def read_voxel(tif: tifffile.TiffFile, dialect: Dialect) -> Voxel:
    """What the file says of its voxels."""
    return {"ome": _of_ome, "imagej": _of_imagej}.get(dialect, _of_tags)(tif)


def _of_ome(tif: tifffile.TiffFile) -> Voxel:
    image = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    found = {axis: pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"}
    sizes = {axis: float(size) for axis, size in found.items() if size and float(size) > 0}
    return Voxel(sizes, {axis: _spelt(str(pixels.get(f"PhysicalSize{axis}Unit", "µm"))) for axis in sizes})


def _of_imagej(tif: tifffile.TiffFile) -> Voxel:
    metadata: dict[str, Any] = tif.imagej_metadata or {}
    sizes = _resolution(tif)
    if spacing := metadata.get("spacing"):
        sizes["Z"] = abs(float(spacing))
    unit = _spelt(str(metadata.get("unit", "")))
    return Voxel(sizes, dict.fromkeys(sizes, unit)) if unit and unit != "pixel" else Voxel()


def _of_tags(tif: tifffile.TiffFile) -> Voxel:
    unit = {2: "inch", 3: "cm"}.get(int(getattr(tif.pages.first.tags.get("ResolutionUnit"), "value", 1)), "")
    sizes = _resolution(tif) if unit else {}
    return Voxel(sizes, dict.fromkeys(sizes, unit))


def _resolution(tif: tifffile.TiffFile) -> dict[str, float]:
    """Voxels per unit, turned into units per voxel; a tag of 0 or 1/0 says nothing."""
    sizes = {}
    for axis in "YX":
        tag = tif.pages.first.tags.get(f"{axis}Resolution")
        numerator, denominator = tag.value if tag is not None else (0, 1)
        if numerator and denominator:
            sizes[axis] = denominator / numerator
    return sizes


def _spelt(unit: str) -> str:
    return _SPELLINGS.get(unit, unit)


def write_voxel(voxel: Voxel, dialect: Dialect, axes: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The entries of tifffile's `metadata`, and other arguments, that say it in this dialect."""
    if dialect == "ome":
        entries: dict[str, Any] = {}
        for axis, size in voxel.sizes.items():
            entries |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": _ome_unit(voxel.units.get(axis, ""))}
        return {key: value for key, value in entries.items() if value}, {}
    arguments: dict[str, Any] = {}
    if "Y" in voxel.sizes and "X" in voxel.sizes:
        arguments["resolution"] = (1 / voxel.sizes["X"], 1 / voxel.sizes["Y"])
    if dialect == "imagej":
        spacing = {"spacing": voxel.sizes["Z"]} if "Z" in axes and "Z" in voxel.sizes else {}
        unit = {"unit": _imagej_unit(voxel.units["X"])} if voxel.units.get("X") else {}
        return spacing | unit, arguments
    unit_of_tags = {"inch": "INCH", "cm": "CENTIMETER"}.get(voxel.units.get("X", ""))
    return {}, {**arguments, "resolutionunit": unit_of_tags} if unit_of_tags and arguments else {}


def _ome_unit(unit: str) -> str:
    return "in" if unit == "inch" else unit


def _imagej_unit(unit: str) -> str:
    return "micron" if unit == "µm" else unit
