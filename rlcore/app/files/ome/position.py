"""Positions and times of planes in OME-XML: read as the position of an image, and written from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from rlcore.app.files.layout import Layout
from rlcore.app.files.metadata.units import canonical, converted, in_ome_xml
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.ome.elements import children

if TYPE_CHECKING:
    from rlcore.app.files.metadata.position import Position

_KEYS = {"T": ("DeltaT", "s"), **{axis: (f"Position{axis}", "reference frame") for axis in "ZYX"}}
"""Attribute of a plane along each axis, with the unit that the schema takes by default."""


class _Plane(NamedTuple):
    """Numbers of a plane within the result, in the order in which planes follow each other."""

    time: int
    channel: int
    z: int
    element: ElementTree.Element


def position_of_planes(pixels: ElementTree.Element, layout: Layout, voxel: Voxel) -> tuple[dict[str, float], bool]:
    """Returns the position of the first selected plane, and whether positions decrease along z.

    It is in the units of the voxel's size. Axes are left out along which planes have no common position: a stage that
    moves from one time point to the next by more than half a voxel, or planes elsewhere than their distance says.
    """
    planes = sorted(_selected(pixels, layout), key=lambda plane: plane[:3])
    at: dict[str, float] = {}
    backwards = False
    for axis in _KEYS:
        said = [(plane, value) for plane in planes if (value := _value(plane.element, axis, voxel)) is not None]
        # a plane in the middle says nothing of where the first one is
        if not said or said[0][0][:3] != (0, 0, 0):
            continue
        first, size = said[0][1], voxel.sizes[axis]
        offsets = [(plane.z, value - first) for plane, value in said]
        if axis == "T" or all(abs(offset) < size / 2 for _, offset in offsets):
            at[axis] = first
        elif axis == "Z":
            down = any(offset <= -size / 2 for _, offset in offsets)
            step = -size if down else size
            if all(abs(offset - z * step) < size / 2 for z, offset in offsets):
                at[axis], backwards = first, down
    return at, backwards


def _selected(pixels: ElementTree.Element, layout: Layout) -> list[_Plane]:
    found = []
    for plane in children(pixels, "Plane"):
        numbers = [plane.get(key, "").strip() for key in ("TheT", "TheC", "TheZ")]
        if not all(map(str.isdecimal, numbers)):
            continue
        time, channel, z = map(int, numbers)
        if time in layout.times and channel in layout.channels:
            found.append(_Plane(layout.times.index(time), layout.channels.index(channel), z, plane))
    return found


def _value(plane: ElementTree.Element, axis: str, voxel: Voxel) -> float | None:
    """Returns a plane's position along an axis in the unit of the voxel's size; None if it has none in units of it."""
    key, default = _KEYS[axis]
    try:
        value = float(plane.get(key, ""))
    except ValueError:
        return None
    if axis not in voxel.sizes or not math.isfinite(value):
        return None
    return converted(value, canonical(plane.get(f"{key}Unit", default)), voxel.units.get(axis, ""))


def planes_at(
    position: Position, voxel: Voxel, sizes: dict[str, int], name: Callable[[str], str]
) -> list[ElementTree.Element]:
    """Returns an element for each plane with its position and time; none for an image at 0 with axes ahead.

    Parameters
    ----------
    position : Position
        That of the first voxel.
    voxel : Voxel
        Size of voxels, and the unit of the position.
    sizes : dict
        Number of time points, channels and planes, by axis letter.
    name : callable
        Qualifies the name of an element with the file's namespace.
    """
    units = {axis: unit for axis in position.at if (unit := in_ome_xml(voxel.units.get(axis, ""), axis))}
    said = [axis for axis in units if axis != "T"]
    said = said if any(position.at[axis] for axis in said) or "Z" in position.backwards & set(said) else []
    if position.at.get("T") and "T" in units:
        said.append("T")
    steps = {"Z": -1 if "Z" in position.backwards else 1, "T": 1}
    planes = []
    for t in range(sizes["T"] if said else 0):
        for c in range(sizes["C"]):
            for z in range(sizes["Z"]):
                plane = ElementTree.Element(name("Plane"), TheZ=str(z), TheC=str(c), TheT=str(t))
                for axis in said:
                    number = {"Z": z, "T": t}.get(axis, 0) * steps.get(axis, 0)
                    value = position.at[axis] + number * voxel.sizes.get(axis, 0.0)
                    plane.set(_KEYS[axis][0], repr(value))
                    plane.set(f"{_KEYS[axis][0]}Unit", units[axis])
                planes.append(plane)
    return planes
