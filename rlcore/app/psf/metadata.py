"""What an image's OME metadata say of the microscope that took it, and where they say it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from rlcore.app.files.opening import Opened
from rlcore.app.psf import files
from rlcore.errors import InputError

_NANOMETRES = {"nm": 1.0, "µm": 1e3, "μm": 1e3, "um": 1e3, "mm": 1e6, "m": 1e9, "pm": 1e-3, "Å": 0.1}
_MEDIA = {"air": 1.0, "water": 1.33, "waterdipping": 1.33, "oil": 1.515, "glycerol": 1.47, "glycerin": 1.47}
_MODES = {
    "widefield": "wide-field",
    "laserscanningconfocalmicroscopy": "confocal",
    "spinningdiskconfocal": "confocal",
    "slitscanconfocal": "confocal",
    "spim": "light-sheet",
}


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """What is known of a microscope, and who said it."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What is known of an image."""

    voxel: tuple[float, ...] | None = None
    """Micrometres along z, y, x."""
    figures: dict[str, SourcedValue] = field(default_factory=dict)
    """na, emission and excitation in nm, immersion, technique: those that are told."""


def read_metadata(image: Opened, channel: int) -> ImageMetadata:
    """What a file says of a channel, by its number in the file; without OME metadata, only its voxel size."""
    whole, first = _document(image)
    channels = _channels(first)
    told = _objective(whole, first) | (_channel(channels[channel]) if channel < len(channels) else {})
    return ImageMetadata(files.scale_of(image), told)


def only_channel(image: Opened) -> int:
    """The channel that is wanted; of several alike, the first.

    Raises
    ------
    InputError
        If there are several of different wavelengths.
    """
    wanted = image.layout.channels
    if len(wanted) > 1:
        channels = _channels(_document(image)[1])
        if len({str(_channel(channels[number])) for number in wanted if number < len(channels)}) > 1:
            raise InputError(
                f"image {str(image.path)!r} has {len(wanted)} channels; pick one by --channel 0, 1 or so on"
            )
    return wanted[0]


def _document(image: Opened) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole OME document, and what it says of the image; empty where there is none."""
    text, number = image.about.rest.get("xml"), 0
    if image.about.dialect == "zarr":
        text, number = _of_collection(image.path)
    try:
        whole = _first(tifffile.xml2dict(text).get("OME")) if text else {}
    except ElementTree.ParseError:
        return {}, {}
    return whole, next(iter(_all(whole.get("Image"))[number:]), {})


def _of_collection(image: Path) -> tuple[str | None, int]:
    """The OME-XML that lies beside the images of a collection, as bioformats2raw writes it, and which of them it is."""
    file = image.parent / "OME" / "METADATA.ome.xml"
    if not image.name.isdigit() or not file.is_file():
        return None, 0
    try:
        return file.read_text(encoding="utf-8"), int(image.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"metadata {str(file)!r} cannot be read: {error}") from error


def _channels(image: dict[str, Any]) -> list[dict[str, Any]]:
    return _all(_first(image.get("Pixels")).get("Channel"))


def _channel(channel: dict[str, Any]) -> dict[str, SourcedValue]:
    found: dict[str, SourcedValue] = {}
    for name in ("Emission", "Excitation"):
        value = channel.get(f"{name}Wavelength")
        unit = _NANOMETRES.get(str(channel.get(f"{name}WavelengthUnit", "nm")))
        if (length := _number(value)) and unit:
            found[name.lower()] = SourcedValue(length * unit, "channel")
    if technique := _MODES.get(str(channel.get("AcquisitionMode", "")).lower()):
        found["technique"] = SourcedValue(technique, "channel")
    return found


def _objective(whole: dict[str, Any], image: dict[str, Any]) -> dict[str, SourcedValue]:
    """Aperture and medium: of the objective that the image names, or of the only one."""
    objectives = [one for instrument in _all(whole.get("Instrument")) for one in _all(instrument.get("Objective"))]
    settings = _first(image.get("ObjectiveSettings"))
    named = [one for one in objectives if one.get("ID") == settings.get("ID")]
    objective = (named or (objectives if len(objectives) == 1 else [{}]))[0]
    found: dict[str, SourcedValue] = {}
    if aperture := _number(objective.get("LensNA")):
        found["na"] = SourcedValue(aperture, "objective")
    medium = str(objective.get("Immersion", ""))
    if index := _MEDIA.get(medium.lower()):
        found["immersion"] = SourcedValue(index, f"objective: {medium.lower()}")
    if index := _number(settings.get("RefractiveIndex")):
        found["immersion"] = SourcedValue(index, "objective settings")
    return found


def _number(value: Any) -> float | None:
    """A positive number; None for what a file leaves out, or says wrongly."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def _all(value: Any) -> list[dict[str, Any]]:
    """An element that may be absent, alone, or one of several."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _first(value: Any) -> dict[str, Any]:
    return next(iter(_all(value)), {})
