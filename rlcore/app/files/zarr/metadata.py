"""Metadata of an OME-Zarr 0.5 image, written as attributes of its group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlcore.app.files.metadata.position import Position, position_of
from rlcore.app.files.metadata.units import has_zarr_name, in_zarr
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.writing.pyramid import Factors
from rlcore.app.files.zarr.input import libraries
from rlcore.app.files.zarr.placement import multiscale_of, stated_in
from rlcore.app.files.zarr.slips import shown_channels

if TYPE_CHECKING:
    from rlcore.app.files.writing.output import Target

_KINDS = {"T": "time", "C": "channel"}
_MADE = ("ome", "multiscales", "omero", "version")
"""Attributes of an OME-Zarr image that its result has of its own."""

_COLOURS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")
"""Colours of channels without one in the file: white for a single channel, else colours that contrast."""


def image_metadata(target: Target, axes: str, levels: list[Factors], ceilings: list[float]) -> dict[str, Any]:
    """Returns the attributes of the group.

    Parameters
    ----------
    target : Target
        Description of the result. Names, colours and positions of an OME-Zarr image are kept, and all other attributes
        set apart as those of the image.
    axes : str
        Axes of the arrays.
    levels : list of tuple
        Downsampling factors of each array along each axis.
    ceilings : list of float
        Value of each channel that a viewer shows as its brightest.
    """
    _, yaozarrs = libraries()
    source = dict(target.about.rest.get("attributes", {})) if target.about.dialect == "zarr" else {}
    before = stated_in(source)
    stated = target.about.voxel
    voxel = stated if target.about.dialect == "zarr" else _in_zarr_units(stated)
    position = position_of(target.about, target.layout).expressed(stated.units, voxel.units)
    multiscale = {
        **{key: value for key, value in multiscale_of(source).items() if key == "name"},
        "axes": [_axis(letter, voxel.units.get(letter, "")) for letter in axes],
        "datasets": [_dataset(number, axes, factors, voxel, position) for number, factors in enumerate(levels)],
        "type": "mean",
        "metadata": {"description": "levels are means of neighbouring voxels of the level before"},
    }
    ome = {"version": "0.5", "multiscales": [multiscale], "omero": _omero(target, before, ceilings)}
    yaozarrs.validate_ome_object(ome, yaozarrs.v05.Image)
    mine: dict[str, Any] = target.provenance.to_dict() | {"note": target.provenance.sentence}
    others = {**before, **source} if target.about.dialect == "zarr" else dict(target.about.rest)
    if apart := {key: value for key, value in others.items() if key not in _MADE}:
        # what has no place in OME-Zarr, or may not be true of the result; as text where JSON has no type
        mine["image_metadata"] = json.loads(json.dumps(apart, default=repr))
    return {"ome": ome, "rlcore": mine}


def _in_zarr_units(voxel: Voxel) -> Voxel:
    """Returns the scale with lengths in micrometres where OME-Zarr has no name of their unit.

    What is no unit of length, such as a pixel, is left out.
    """
    unnamed = [axis for axis in "ZYX" if voxel.metres(axis) and not has_zarr_name(voxel.units[axis])]
    named = voxel.expressed(dict.fromkeys(unnamed, "µm"))
    units = {axis: unit for axis, unit in named.units.items() if axis == "T" or named.metres(axis)}
    return Voxel(named.sizes, units, named.doubt)


def _axis(letter: str, unit: str) -> dict[str, str]:
    said = {"unit": in_zarr(unit)} if unit else {}
    return {"name": letter.lower(), "type": _KINDS.get(letter, "space"), **said}


def _dataset(number: int, axes: str, factors: Factors, voxel: Voxel, position: Position) -> dict[str, Any]:
    """Returns the scale of a level, and the position of its first voxel: the mean position of those it averages."""
    # the image's axes keep their directions, whatever length of voxels the user gave
    steps = [(-1 if letter in position.backwards else 1) * voxel.sizes.get(letter, 1.0) for letter in axes]
    origin = [position.at.get(letter, 0.0) for letter in axes]
    at = [o + (f - 1) / 2 * s for o, f, s in zip(origin, factors, steps, strict=True)]
    transforms: list[dict[str, Any]] = [
        {"type": "scale", "scale": [f * s for f, s in zip(factors, steps, strict=True)]}
    ]
    if any(at):
        transforms.append({"type": "translation", "translation": at})
    return {"path": str(number), "coordinateTransformations": transforms}


def _omero(target: Target, before: Mapping[str, Any], ceilings: list[float]) -> dict[str, Any]:
    """Returns the display settings of channels: those of the image, except for the range of values."""
    channels, names, colours = shown_channels(before.get("omero")), target.about.channels, target.about.colours
    shown = []
    for number, ceiling in enumerate(ceilings):
        source = target.layout.channels[number]
        channel = channels[source] if source < len(channels) else {}
        colour = _COLOURS[number % len(_COLOURS)] if len(ceilings) > 1 else _COLOURS[0]
        if source < len(colours) and colours[source]:
            colour = colours[source]
        # names and colours are the description's, of which not all that stand in the file are any
        channel = {"active": True, **channel, "color": colour}
        channel.pop("label", None)
        if source < len(names) and names[source]:
            channel["label"] = names[source]
        if target.about.min_is_white:
            channel["inverted"] = True
        top = ceiling or 1.0  # a window of width zero cannot be shown
        shown.append({**channel, "window": {"min": 0.0, "start": 0.0, "end": top, "max": top}})
    return {"channels": shown}
