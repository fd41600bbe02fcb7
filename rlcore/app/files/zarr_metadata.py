"""The attributes of an OME-Zarr 0.5 image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rlcore.app.files.zarr_input import libraries
from rlcore.app.files.pyramid import Factors
from rlcore.app.files.units import in_zarr

if TYPE_CHECKING:
    from rlcore.app.files.output import Target

_KINDS = {"T": "time", "C": "channel"}
_COLOURS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")
"""Of channels whose file gives them none: white for one alone, else those that the next can be told from."""


def image_metadata(target: Target, axes: str, levels: list[Factors], ceilings: list[float]) -> dict[str, Any]:
    """Attributes of the group.

    Parameters
    ----------
    target : Target
        What the result is; what an OME-Zarr image said besides is kept.
    axes : str
        Of the arrays.
    levels : list of tuple
        How much coarser than the first each array is along each axis.
    ceilings : list of float
        The value of each channel to be shown as its brightest.
    """
    _, yaozarrs = libraries()
    source = dict(target.about.rest.get("attributes", {})) if target.about.dialect == "zarr" else {}
    before = source.get("ome", source)
    scale = dict(target.about.voxel.sizes)
    multiscale = {
        **{key: value for key, value in _multiscale(before).items() if key == "name"},
        "axes": [_axis(letter, target.about.voxel.units.get(letter, "")) for letter in axes],
        "datasets": [_dataset(number, axes, factors, scale, before) for number, factors in enumerate(levels)],
        "type": "mean",
        "metadata": {"description": "levels are means of neighbouring voxels of the level before"},
    }
    kept = {key: value for key, value in before.items() if key not in ("version", "multiscales", "omero", "ome")}
    others = {key: value for key, value in source.items() if key != "ome"} if "ome" in source else {}
    ome = {**(kept if "ome" in source else {}), "version": "0.5", "multiscales": [multiscale]}
    ome["omero"] = _omero(target, before, ceilings)
    yaozarrs.validate_ome_object(ome, yaozarrs.v05.Image)
    mine: dict[str, Any] = target.provenance.to_dict() | {"note": target.provenance.sentence}
    if target.about.rest and target.about.dialect != "zarr":
        mine["image_metadata"] = json.loads(json.dumps(dict(target.about.rest), default=repr))
    made: dict[str, Any] = {**(others if "ome" in source else kept), "ome": ome, "rlcore": mine}
    return made


def _multiscale(before: dict[str, Any]) -> dict[str, Any]:
    scales: dict[str, Any] = dict((before.get("multiscales") or [{}])[0])
    return scales


def _axis(letter: str, unit: str) -> dict[str, str]:
    said = {"unit": in_zarr(unit)} if unit else {}
    return {"name": letter.lower(), "type": _KINDS.get(letter, "space"), **said}


def _dataset(
    number: int, axes: str, factors: Factors, scale: dict[str, float], before: dict[str, Any]
) -> dict[str, Any]:
    """A level's scale, and where its first voxel's centre is: among those of which it is the mean."""
    steps = [scale.get(letter, 1.0) for letter in axes]
    origin = _origin(axes, before)
    at = [o + (f - 1) / 2 * s for o, f, s in zip(origin, factors, steps, strict=True)]
    transforms: list[dict[str, Any]] = [
        {"type": "scale", "scale": [f * s for f, s in zip(factors, steps, strict=True)]}
    ]
    if any(at):
        transforms.append({"type": "translation", "translation": at})
    return {"path": str(number), "coordinateTransformations": transforms}


def _origin(axes: str, before: dict[str, Any]) -> list[float]:
    """Where the image's own first voxel is."""
    scales = _multiscale(before)
    letters = [
        {"time": "T", "channel": "C"}.get(axis.get("type", ""), axis["name"][:1].upper())
        for axis in scales.get("axes", [])
    ]
    found = dict.fromkeys(axes, 0.0)
    for transform in (scales.get("datasets") or [{}])[0].get("coordinateTransformations", []):
        if transform["type"] == "translation":
            found |= {k: v for k, v in zip(letters, transform["translation"], strict=True) if k in found}
    return list(found.values())


def _omero(target: Target, before: dict[str, Any], ceilings: list[float]) -> dict[str, Any]:
    """How channels are shown: as before, but for the range of values."""
    old = dict(before.get("omero") or {})
    channels, names = old.get("channels", []), target.about.channels
    shown = []
    for number, ceiling in enumerate(ceilings):
        source = target.layout.channels[number]
        channel = dict(channels[source]) if source < len(channels) else {}
        colour = _COLOURS[number % len(_COLOURS)] if len(ceilings) > 1 else _COLOURS[0]
        channel = {"color": colour, "active": True, **channel}
        if source < len(names) and names[source]:
            channel["label"] = names[source]
        top = ceiling or 1.0
        shown.append({**channel, "window": {"min": 0.0, "start": 0.0, "end": top, "max": top}})
    return {**old, "channels": shown}
