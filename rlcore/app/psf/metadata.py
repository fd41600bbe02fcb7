"""Microscope parameters in an image's OME metadata, each with its source."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from rlcore.app.files.boundary import reading
from rlcore.app.files.metadata.units import canonical, metres
from rlcore.app.files.ome.elements import children
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.psf import files
from rlcore.app.whole_numbers import whole_number
from rlcore.errors import InputError

# typical refractive indices; the OME schema names the medium only
_MEDIA = {"air": 1.0, "water": 1.33, "waterdipping": 1.33, "oil": 1.515, "glycerol": 1.47, "glycerin": 1.47}
_MODES = {
    "widefield": "wide-field",
    "laserscanningconfocalmicroscopy": "confocal",
    "spinningdiskconfocal": "confocal",
    "slitscanconfocal": "confocal",
    "spim": "light-sheet",
}
_NOTHING = ElementTree.Element("nothing")
"""Element that states nothing, in place of one that is missing."""


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A parameter of a microscope, and its source."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """Metadata of an image that a PSF is computed from."""

    voxel: tuple[float, ...] | None = None
    """Voxel size in micrometres along z, y, x; None if unknown."""
    figures: dict[str, SourcedValue] = field(default_factory=dict)
    """Known parameters among na, emission and excitation (in nm), immersion and technique."""


def read_metadata(image: Opened, channel: int) -> ImageMetadata:
    """Reads the metadata of a channel, by its index in the file; without OME metadata, only the voxel size."""
    whole, first = document_of(image)
    channels = channels_in(first)
    figures = _objective(whole, first) | (_channel(channels[channel]) if channel < len(channels) else {})
    return ImageMetadata(files.scale_of(image), figures)


def only_channel(image: Opened) -> int:
    """Returns the selected channel; of several with equal parameters, the first.

    Raises
    ------
    InputError
        If several channels with different parameters are selected.
    """
    wanted = image.layout.channels
    if len(wanted) > 1:
        channels = channels_in(document_of(image)[1])
        if len({str(_channel(channels[number])) for number in wanted if number < len(channels)}) > 1:
            raise InputError(
                f"image {str(image.path)!r} has {len(wanted)} channels; pick one by --channel 0, 1 or so on"
            )
    return wanted[0]


def document_of(image: Opened) -> tuple[ElementTree.Element, ElementTree.Element]:
    """Returns the OME document, and the entry of the image in it; empty elements without OME metadata."""
    text, number = image.about.rest.get("xml"), 0
    if image.about.dialect == "zarr":
        text, number = _of_collection(image.path)
    try:
        whole = ElementTree.fromstring(text) if text else _NOTHING
    except ElementTree.ParseError:
        return _NOTHING, _NOTHING  # damaged metadata are no reason to refuse an image whose voxels can be read
    return whole, next(iter(children(whole, "Image")[number:]), _NOTHING)


def _of_collection(image: Location) -> tuple[str | None, int]:
    """Returns the OME-XML of a collection written by bioformats2raw, and the index of the image in it."""
    if isinstance(image, Url):
        return None, 0  # a microscope is given by options there
    # its images are folders 0, 1, ..., described together in OME/METADATA.ome.xml
    file = image.parent / "OME" / "METADATA.ome.xml"
    number = whole_number(image.name)
    if number is None or not file.is_file():
        return None, 0
    with reading(f"metadata {str(file)!r}"):
        return file.read_text(encoding="utf-8"), number


def channels_in(image: ElementTree.Element) -> list[ElementTree.Element]:
    """Returns the channels of an image's entry in OME-XML."""
    return children(next(iter(children(image, "Pixels")), _NOTHING), "Channel")


def _channel(channel: ElementTree.Element) -> dict[str, SourcedValue]:
    found: dict[str, SourcedValue] = {}
    for name in ("Emission", "Excitation"):
        # wavelengths in OME-XML have a unit of their own, nm by default
        unit = metres(canonical(channel.get(f"{name}WavelengthUnit", "nm")))
        if (length := _number(channel.get(f"{name}Wavelength"))) and unit:
            found[name.lower()] = SourcedValue(length * (unit / 1e-9), "channel")
    if technique := _MODES.get(channel.get("AcquisitionMode", "").lower()):
        found["technique"] = SourcedValue(technique, "channel")
    return found


def _objective(whole: ElementTree.Element, image: ElementTree.Element) -> dict[str, SourcedValue]:
    """Returns aperture and medium of the objective that the image refers to, or of the only one."""
    objectives = [one for instrument in children(whole, "Instrument") for one in children(instrument, "Objective")]
    settings = next(iter(children(image, "ObjectiveSettings")), _NOTHING)
    named = [one for one in objectives if one.get("ID") == settings.get("ID")]
    objective = (named or (objectives if len(objectives) == 1 else [_NOTHING]))[0]
    found: dict[str, SourcedValue] = {}
    if aperture := _number(objective.get("LensNA")):
        found["na"] = SourcedValue(aperture, "objective")
    medium = objective.get("Immersion", "")
    if index := _MEDIA.get(medium.lower()):
        found["immersion"] = SourcedValue(index, f"objective: {medium.lower()}")
    # the index as set for this image is more precise than that of the medium's name
    if index := _number(settings.get("RefractiveIndex")):
        found["immersion"] = SourcedValue(index, "objective settings")
    return found


def _number(text: str | None) -> float | None:
    """Parses a positive number; None for a missing or invalid one."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 < number < math.inf else None
