"""Metadata of an OME-Zarr as they were meant: what concerns no voxel is left out if it does not follow the format."""

from __future__ import annotations

from typing import Any

from rlcore.app.files.boundary import reason_of
from rlcore.app.files.metadata.channel_colours import of_hex
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning

_AXES = {"t": "time", "c": "channel"}
_FIRST_AXES = "tczyx"
"""Axes of versions 0.1 and 0.2, which name none."""


def checked_image(yaozarrs: Any, attributes: dict[str, Any], file: str) -> tuple[Any, dict[str, Any]]:
    """Returns the validated metadata of an image, and its attributes as far as they can be used.

    Parameters
    ----------
    yaozarrs : module
        The library that validates.
    attributes : dict
        Those of the group.
    file : str
        The file's role and name in messages.

    Raises
    ------
    InputError
        If its axes or its levels cannot be understood.
    """
    # version 0.5 keeps its metadata under "ome", version 0.4 at the top
    nested = "ome" in attributes
    model, said = (yaozarrs.v05, attributes["ome"]) if nested else (yaozarrs.v04, attributes)
    try:
        return yaozarrs.validate_ome_object(said, model.Image), attributes
    except ValueError as error:
        reason, first = _reason(error), error
    for mended in _mended(said, "0.5" if nested else "0.4"):
        try:
            image = yaozarrs.validate_ome_object(mended, model.Image)
        except ValueError:
            continue
        caution(f"{file} has faulty OME-Zarr metadata, and its voxels are read: {reason}", ImageWarning)
        others = {key: value for key, value in attributes.items() if key not in ("ome", "omero")}
        return image, {**others, **({"ome": mended} if nested else mended)}
    raise InputError(f"{file} has OME-Zarr metadata that are not valid: {reason}") from first


def _mended(said: dict[str, Any], version: str) -> list[dict[str, Any]]:
    """Returns the metadata without what concerns no voxel, and then without scales too."""
    scales = said["multiscales"]
    if not isinstance(scales, list) or not scales or not isinstance(scales[0], dict):
        return []
    first = scales[0]
    levels = first.get("datasets")
    if not isinstance(levels, list) or not levels or not isinstance(levels[0], dict):
        return []
    axes = first.get("axes", list(_FIRST_AXES))
    if not isinstance(axes, list) or not axes:
        return []
    axes = [{"name": a, "type": _AXES.get(a, "space")} if isinstance(a, str) else a for a in axes]
    unscaled = [{"type": "scale", "scale": [1.0] * len(axes)}]
    defaults = {"color": "FFFFFF", "window": {"min": 0, "start": 0, "end": 1, "max": 1}}
    channels = [{**defaults, **channel} for channel in shown_channels(said.get("omero"))]
    shown = {"omero": {"channels": channels}} if channels else {}
    made = []
    for bare in (False, True):
        said_of_level = levels[0].get("coordinateTransformations")
        level = {**levels[0], "coordinateTransformations": unscaled if bare else _without_identity(said_of_level)}
        # a unit without a scale would state voxels of one of it
        kept = [{**axis, "unit": None} if bare and isinstance(axis, dict) else axis for axis in axes]
        multiscale: dict[str, Any] = {"axes": kept, "datasets": [level]}
        if isinstance(first.get("name"), str):
            multiscale["name"] = first["name"]
        if not bare and (everything := _without_identity(first.get("coordinateTransformations"))):
            multiscale["coordinateTransformations"] = everything
        whole = {"multiscales": [multiscale], **shown}
        made.append({**whole, "version": version} if version == "0.5" else whole)
        if version == "0.4":
            multiscale["version"] = version
    return made


def _without_identity(transformations: Any) -> Any:
    """Returns transformations without those that change nothing, which the format does not have everywhere."""
    if not isinstance(transformations, list):
        return transformations
    return [each for each in transformations if not (isinstance(each, dict) and each.get("type") == "identity")]


def shown_channels(omero: Any) -> list[dict[str, Any]]:
    """Returns what is true of channels whatever their values are: name, colour, and whether they are shown."""
    channels = omero.get("channels") if isinstance(omero, dict) else None
    return [_shown(channel) for channel in channels] if isinstance(channels, list) else []


def _shown(channel: Any) -> dict[str, Any]:
    said = channel if isinstance(channel, dict) else {}
    kept: dict[str, Any] = {}
    if colour := of_hex(said.get("color")):
        kept["color"] = colour
    if isinstance(label := said.get("label"), str | int):
        kept["label"] = str(label)
    for name in ("active", "inverted"):
        if isinstance(said.get(name), bool):
            kept[name] = said[name]
    return kept


def _reason(error: ValueError) -> str:
    """Returns the first of pydantic's errors, with its location."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return reason_of(error)
    first = errors()[0]
    # some messages go on with advice for whoever writes such files
    text = " ".join(first["msg"].split()).removeprefix("Value error, ").partition(" TIP:")[0]
    return f"{'.'.join(map(str, first['loc']))}: {text}"
