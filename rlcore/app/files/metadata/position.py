"""Position of a result's first voxel, as its image states it: by OME's planes, ImageJ's origin, Zarr's translation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from rlcore.app.files.layout import Layout
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.units import converted
from rlcore.app.files.ome.elements import first_pixels
from rlcore.app.files.ome.kept import numbered_alike
from rlcore.app.files.ome.position import position_of_planes
from rlcore.app.files.zarr.placement import multiscale_of, placement


@dataclass(frozen=True, slots=True)
class Position:
    """Position of a first voxel, and the directions of axes."""

    at: dict[str, float] = field(default_factory=dict)
    """Position by axis letter (T, Z, Y, X), along the axes for which it is known."""
    backwards: frozenset[str] = frozenset()
    """Axes along which positions decrease from voxel to voxel."""

    def expressed(self, own: Mapping[str, str], wanted: Mapping[str, str]) -> Position:
        """Returns the same position in other units by axis; positions that cannot be converted are left out."""
        at = {axis: converted(value, own.get(axis, ""), wanted.get(axis, "")) for axis, value in self.at.items()}
        return Position({axis: value for axis, value in at.items() if value is not None}, self.backwards)


def position_of(about: Description, layout: Layout) -> Position:
    """Returns the position of the first selected voxel, in the units of the voxel's size.

    Parameters
    ----------
    about : Description
        Metadata of the image, for the selected time points.
    layout : Layout
        Selected time points and channels.
    """
    if about.dialect == "zarr":
        return _of_zarr(about, layout)
    began = _began(about, layout)
    if about.dialect == "ome":
        return _of_ome(about, layout, began)
    return _of_imagej(about, began) if about.dialect == "imagej" else Position(began)


def _began(about: Description, layout: Layout) -> dict[str, float]:
    """Returns the time of the first selected time point after the first of the file, if that is known."""
    if "T" not in about.voxel.sizes or not layout.times[0]:
        return {}
    # the interval is already that between selected time points
    apart = layout.times[1] - layout.times[0] if len(layout.times) > 1 else 1
    return {"T": layout.times[0] * about.voxel.sizes["T"] / apart}


def _of_zarr(about: Description, layout: Layout) -> Position:
    placed = placement(multiscale_of(about.rest.get("attributes", {})))
    at = {axis: value for axis, value in placed.translation.items() if axis in "TZYX"}
    if math.isfinite(placed.scale.get("T", math.nan)):
        # time points before the first that was picked are not in the result
        at["T"] += layout.times[0] * placed.scale["T"]
    return Position(at, frozenset(axis for axis, scale in placed.scale.items() if scale < 0))


def _of_imagej(about: Description, began: dict[str, float]) -> Position:
    backwards = about.rest.get("spacing", 1) < 0
    steps = {axis: -size if axis == "Z" and backwards else size for axis, size in about.voxel.sizes.items()}
    # the origin is the place of the position 0, counted in voxels; without one positions begin at 0
    origin = {
        axis: about.rest.get(f"{axis.lower()}origin", 0.0 if backwards else None) for axis in "ZYX" if axis in steps
    }
    at = {axis: -steps[axis] * float(value) for axis, value in origin.items() if isinstance(value, int | float)}
    return Position({**began, **at}, frozenset("Z" if backwards else ""))


def _of_ome(about: Description, layout: Layout, began: dict[str, float]) -> Position:
    if (xml := about.rest.get("xml")) is None:  # a vendor's file whose reader makes none
        return Position(began)
    pixels = first_pixels(ElementTree.fromstring(xml))
    # axes that the user has named may be others than those that planes are numbered by
    if pixels is None or not numbered_alike(pixels, layout):
        return Position(began)
    at, backwards = position_of_planes(pixels, layout, about.voxel)
    return Position({**began, **at}, frozenset("Z" if backwards else ""))
