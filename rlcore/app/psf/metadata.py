"""What an image's OME metadata say of the microscope that took it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from rlcore.app.psf import files
from rlcore.app.reading import Pick, not_at_all, open_file
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
class Told:
    """What is known of an image."""

    voxel: tuple[float, ...] | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    """na, emission and excitation in nm, immersion, sample, technique: those that are told."""


def read_metadata(path: Path, channel: int | None) -> Told:
    """What a file says; of one without OME metadata, only its voxel size.

    Raises
    ------
    InputError
        If it has several channels of different wavelengths, and none is chosen.
    """
    several = _channels(path)
    if len(several) > 1 and channel is None:
        if len({str(_wavelengths(one)) for one in several}) > 1:
            raise InputError(f"image {str(path)!r} has {len(several)} channels; pick one by --channel 0, 1 or so on")
        channel = 0
    if several and channel is not None and not 0 <= channel < len(several):
        raise InputError(f"image {str(path)!r} has {len(several)} channels, counted from 0, and none is {channel}")
    opened = open_file(path, "image", pick=Pick(channel, 0), decode=not_at_all)
    figures = _objective(path) | (_wavelengths(several[channel or 0]) if several else {})
    return Told(files.scale_of(opened), figures)


def _document(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole OME document, and its first image; empty where there is none."""
    if path.suffix.lower() == ".npy" or not path.is_file():
        return {}, {}
    try:
        with tifffile.TiffFile(path) as tif:
            text = tif.ome_metadata
        whole = _first(tifffile.xml2dict(text).get("OME")) if text else {}
    except (tifffile.TiffFileError, OSError, ElementTree.ParseError):  # said better by whoever opens it for its voxels
        return {}, {}
    return whole, _first(whole.get("Image"))


def _channels(path: Path) -> list[dict[str, Any]]:
    _, image = _document(path)
    return _all(_first(image.get("Pixels")).get("Channel"))


def _wavelengths(channel: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("Emission", "Excitation"):
        value = channel.get(f"{name}Wavelength")
        unit = _NANOMETRES.get(str(channel.get(f"{name}WavelengthUnit", "nm")))
        if (length := _number(value)) and unit:
            found[name.lower()] = length * unit
    if technique := _MODES.get(str(channel.get("AcquisitionMode", "")).lower()):
        found["technique"] = technique
    return found


def _objective(path: Path) -> dict[str, Any]:
    """Aperture and medium: of the objective that the image names, or of the only one."""
    whole, image = _document(path)
    objectives = [one for instrument in _all(whole.get("Instrument")) for one in _all(instrument.get("Objective"))]
    settings = _first(image.get("ObjectiveSettings"))
    named = [one for one in objectives if one.get("ID") == settings.get("ID")]
    objective = (named or (objectives if len(objectives) == 1 else [{}]))[0]
    found: dict[str, Any] = {}
    if aperture := _number(objective.get("LensNA")):
        found["na"] = aperture
    if index := _MEDIA.get(str(objective.get("Immersion", "")).lower()):
        found["immersion"] = index
    if index := _number(settings.get("RefractiveIndex")):
        found["immersion"] = index
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
