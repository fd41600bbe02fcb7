"""What an image file states of its camera. It is believed as far as the image's own noise does not contradict it.

A detector's "Gain" is its amplification, in whatever unit, and is never taken for image units per photon.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from rlcore.algorithm.camera import Camera
from rlcore.app.files.ome.elements import children
from rlcore.app.files.opening import Opened
from rlcore.app.psf.metadata import channels_in, document_of
from rlcore.errors import InputError

_WORDS = {
    "Model": "", "Type": "", "Offset": "offset", "Gain": "amplification", "AmplificationGain": "amplification",
    "ReadOutRate": "read-out rate", "Binning": "binning", "Integration": "integration", "Voltage": "voltage",
}  # fmt: skip
"""Attributes of OME's Detector and DetectorSettings, as they are shown."""

_OF_CAMERA = ("CONVERSION FACTOR OFFSET", "CONVERSION FACTOR COEFF")
"""Ends of the names of Hamamatsu's properties in Micro-Manager's metadata: offset, and photoelectrons per count."""

_ERRORS = 2.0
"""Standard errors by which the offset that the image shows may differ from the one that is stated."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file states of the camera of a channel."""

    offset: float | None = None
    """Image units without light; None if the file states none."""
    words: dict[str, str] = field(default_factory=dict)
    """All that it states, as texts by name."""

    def sentence(self, shown: Camera) -> str:
        """Says whether the offset is believed beside what the image shows; empty if neither knows of one."""
        if self.offset is None or (self.offset == 0 == shown.offset):
            return ""
        said = f"the file states an offset of {self.offset:g}"
        if agrees(shown, self.offset):
            return f"{said}, which the image's noise does not contradict"
        if shown.kind != "counts":
            return f"{said}, which is not used, since the image shows no camera"
        return f"{said}, which the image's noise contradicts; the image is believed"


def agrees(shown: Camera, offset: float) -> bool:
    """Returns whether a stated offset is within the error of the one that an image's noise shows."""
    if shown.kind != "counts" or not shown.offset_error or not math.isfinite(shown.offset_error):
        return False
    return abs(offset - shown.offset) <= _ERRORS * shown.offset_error


def stated_camera(image: Opened, channel: int) -> Stated:
    """Reads what a file states of the camera of a channel, by its index in the file."""
    said: dict[str, str] = {}
    try:
        whole, first = document_of(image)
    except InputError:
        return Stated()  # said where a PSF is computed from them
    channels = channels_in(first)
    if channel < len(channels):
        settings = children(channels[channel], "DetectorSettings")
        detectors = [each for one in children(whole, "Instrument") for each in children(one, "Detector")]
        named = [each for each in detectors for one in settings if each.get("ID") == one.get("ID")]
        # what is set for the image is more precise than what is said of the instrument
        for element in [*named, *settings]:
            said |= _attributes(element)
    said = said or _of_micromanager(image)
    offset = _finite(said.get("offset"))
    return Stated(offset, said)


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    found = {}
    for name, word in _WORDS.items():
        if text := element.get(name):
            unit = element.get(f"{name}Unit", "MHz" if name == "ReadOutRate" else "V" if name == "Voltage" else "")
            found[word or name.lower()] = f"{text} {unit}".strip() if word != "offset" else text
    return found


def _of_micromanager(image: Opened) -> dict[str, str]:
    """Returns offset and photoelectrons per count of a file by Micro-Manager, where its camera gives them."""
    path = image.path
    if not isinstance(path, Path) or path.suffix.lower() not in (".tif", ".tiff"):
        return {}
    # metadata that cannot be read are no reason to refuse voxels that can
    with suppress(OSError, ValueError, tifffile.TiffFileError), tifffile.TiffFile(path) as tif:
        if tif.is_micromanager and (tag := tif.pages.first.tags.get(51123)) is not None:
            return _of_properties(tag.value)
    return {}


def _of_properties(properties: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in properties.items() if isinstance(properties, dict) else ():
        value = value.get("PropVal") if isinstance(value, dict) else value
        if str(key).upper().endswith(_OF_CAMERA[0]):
            found["offset"] = str(value)
        elif str(key).upper().endswith(_OF_CAMERA[1]):
            found["photoelectrons per count"] = str(value)
    return found


def _finite(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
