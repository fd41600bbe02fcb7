"""Reading OME-Zarr 0.4 and 0.5."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.description import Description
from rlcore.app.files.layout import Index, Layout, Pick, lay_out
from rlcore.app.files.units import spelt
from rlcore.app.files.voxel import Voxel
from rlcore.app.files.window import Window
from rlcore.errors import InputError

_KINDS = {
    "plate": "a plate; name one of its images, such as {path}/A/1/0",
    "well": "a well; name one of its fields, such as {path}/0",
    "bioformats2raw.layout": "a collection of images; name one of them, such as {path}/0",
}
_SIGNS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr."""
    return any((path / name).exists() for name in _SIGNS)


def libraries() -> tuple[Any, Any]:
    """zarr and yaozarrs; a sentence where they are not installed."""
    try:
        import yaozarrs
        import zarr
    except ImportError as error:
        raise InputError(
            f"package {error.name!r}, which OME-Zarr needs, is not installed; try: pip install 'rlcore[zarr]'"
        ) from error
    return zarr, yaozarrs


def read_zarr(path: Path, file: str, pick: Pick) -> tuple[Description, Layout, np.dtype[Any], Any]:
    """What an OME-Zarr says, how its volumes lie, its type, and what gives a volume at an index."""
    zarr, _ = libraries()
    try:
        group = zarr.open_group(path, mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{file} cannot be read: {_first_line(error)}") from error
    attributes = dict(group.attrs)
    image = _image(path, file, attributes)
    scales = image.multiscales[0]
    try:
        array = group[scales.datasets[0].path]
    except KeyError as error:
        raise InputError(f"{file} lacks the array {scales.datasets[0].path!r} that its metadata name") from error
    axes = "".join(_letter(axis) for axis in scales.axes)
    if len(axes) != array.ndim:
        raise InputError(f"{file} has {array.ndim} axes and names {len(axes)}; its metadata are wrong")
    about = Description(
        dialect="zarr", voxel=_voxel(scales, axes), channels=_channels(image), rest={"attributes": attributes}
    )
    layout = lay_out(file, axes, array.shape, pick, about.channels)

    def fetch(index: Index) -> Window:
        return Window(array, index, str(path))

    return about, layout, np.dtype(array.dtype), fetch


def _image(path: Path, file: str, attributes: dict[str, Any]) -> Any:
    """The metadata of an image, checked; 0.5 keeps them under ``ome``, 0.4 does not."""
    _, yaozarrs = libraries()
    model, said = (yaozarrs.v05, attributes["ome"]) if "ome" in attributes else (yaozarrs.v04, attributes)
    for key, what in _KINDS.items():
        if key in said and "multiscales" not in said:
            raise InputError(f"{file} is {what.format(path=path)}")
    if "multiscales" not in said:
        raise InputError(f"{file} has no OME-Zarr metadata; write it as an OME-Zarr image")
    try:
        return yaozarrs.validate_ome_object(said, model.Image)
    except ValueError as error:
        raise InputError(f"{file} has OME-Zarr metadata that are not valid: {_reason(error)}") from error


def _letter(axis: Any) -> str:
    kinds = {"time": "T", "channel": "C"}
    name: str = axis.name
    return kinds.get(str(getattr(axis, "type", "")), name[:1].upper())


def _voxel(scales: Any, axes: str) -> Voxel:
    """The scale of the finest level, times that of all levels."""
    factors = np.ones(len(axes))
    for transform in [*scales.datasets[0].coordinateTransformations, *(scales.coordinateTransformations or ())]:
        if getattr(transform, "type", "") == "scale":
            factors = factors * np.array(transform.scale, float)
    units = {letter: spelt(str(axis.unit)) for letter, axis in zip(axes, scales.axes, strict=True) if _unit(axis)}
    said = {letter: float(f) for letter, f in zip(axes, factors, strict=True) if letter in "TZYX"}
    return Voxel({letter: f for letter, f in said.items() if letter in units or f != 1}, units)


def _unit(axis: Any) -> bool:
    return bool(getattr(axis, "unit", None))


def _channels(image: Any) -> tuple[str, ...]:
    channels: Iterable[Any] = image.omero.channels if getattr(image, "omero", None) else ()
    names = [str(channel.label or "") for channel in channels]
    return tuple(names) if any(names) else ()


def _reason(error: ValueError) -> str:
    """What the first of pydantic's errors says, and where."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return _first_line(error)
    first = errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
