"""OME-XML made of the metadata of Zeiss and Leica, for files whose reader makes none: objective and channels."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from rlcore.app.files.ome.elements import SCHEMA

_MEDIA = {"oil": "Oil", "water": "Water", "waterdipping": "WaterDipping", "air": "Air", "dry": "Air",
          "glycerol": "Glycerol", "glycerin": "Glycerol", "glyc": "Glycerol", "multi": "Multi"}  # fmt: skip
"""The schema's names of immersion media, by those of vendors."""

_MODES = {
    "WideField", "LaserScanningConfocalMicroscopy", "SpinningDiskConfocal", "SlitScanConfocal", "SPIM",
    "MultiPhotonMicroscopy", "StructuredIllumination", "TIRF", "STED", "PALM", "STORM", "BrightField",
}  # fmt: skip
"""Modes of acquisition that the schema has, and vendors name alike."""


@dataclass(frozen=True, slots=True)
class ChannelOptics:
    """Light of a channel, as the metadata state it; empty where they do not."""

    emission: str = ""
    """Wavelength in nm."""
    excitation: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Optics:
    """Objective and channels of an image, as the metadata state them; empty where they do not."""

    objective: str = ""
    """Name of the objective."""
    na: str = ""
    medium: str = ""
    index: str = ""
    """Refractive index as set for the image."""
    magnification: str = ""
    channels: tuple[ChannelOptics, ...] = ()

    def to_ome(self) -> str | None:
        """Returns OME-XML; None if nothing is known."""
        if self == Optics(channels=tuple(ChannelOptics() for _ in self.channels)):
            return None
        root = _under(None, "OME")
        _under(_under(root, "Instrument", ID="Instrument:0"), "Objective", ID="Objective:0", **self._of_objective())
        image = _under(root, "Image", ID="Image:0")
        _under(image, "InstrumentRef", ID="Instrument:0")
        index = {"RefractiveIndex": self.index} if _is_positive(self.index) else {}
        _under(image, "ObjectiveSettings", ID="Objective:0", **index)
        pixels = _under(image, "Pixels", ID="Pixels:0")
        for number, channel in enumerate(self.channels):
            _under(pixels, "Channel", ID=f"Channel:0:{number}", **_of_channel(channel))
        return ElementTree.tostring(root, encoding="unicode")

    def _of_objective(self) -> dict[str, str]:
        said = {"LensNA": self.na, "NominalMagnification": self.magnification}
        found = {key: value for key, value in said.items() if _is_positive(value)}
        medium = _MEDIA.get(self.medium.lower().replace(" ", ""))
        return found | ({"Model": self.objective} if self.objective else {}) | ({"Immersion": medium} if medium else {})


def _of_channel(channel: ChannelOptics) -> dict[str, str]:
    said = {"EmissionWavelength": channel.emission, "ExcitationWavelength": channel.excitation}
    found = {key: value for key, value in said.items() if _is_positive(value)}
    units = {f"{key}Unit": "nm" for key in found}
    return found | units | ({"AcquisitionMode": channel.mode} if channel.mode in _MODES else {})


def _under(parent: ElementTree.Element | None, name: str, **attributes: str) -> ElementTree.Element:
    element = ElementTree.Element(f"{{{SCHEMA}}}{name}", attributes)
    if parent is not None:
        parent.append(element)
    return element


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


def optics_of(metadata: object, scene: int, scenes: int) -> Optics | None:
    """Returns the optics of a scene by a reader's own metadata; None if they are in no form that is known."""
    if not isinstance(metadata, ElementTree.Element):
        return None
    if metadata.tag == "ImageDocument":
        return _of_zeiss(metadata)
    images = [each for each in metadata.iter("Element") if each.find("Data/Image") is not None]
    return _of_leica(images[scene]) if len(images) == scenes else None


def stated_sizes(metadata: object) -> dict[str, str]:
    """Returns numbers that Zeiss' metadata state: of scenes, time points, channels and planes, as SizeS and so on."""
    image = metadata.find("Metadata/Information/Image") if isinstance(metadata, ElementTree.Element) else None
    return {} if image is None else {name: _text(image, name) for name in ("SizeS", "SizeT", "SizeC", "SizeZ")}


def _of_zeiss(root: ElementTree.Element) -> Optics:
    about = root.find("Metadata/Information")
    image = None if about is None else about.find("Image")
    if about is None or image is None:
        return Optics()
    settings, lenses = image.find("ObjectiveSettings"), about.findall("Instrument/Objectives/Objective")
    named = "" if settings is None or (ref := settings.find("ObjectiveRef")) is None else ref.get("Id", "")
    lens = next((each for each in lenses if each.get("Id") == named), lenses[0] if len(lenses) == 1 else None)
    channels = image.findall("Dimensions/Channels/Channel")
    return Optics(
        objective="" if lens is None else lens.get("Name", ""),
        na=_text(lens, "LensNA"),
        medium=_text(lens, "Immersion"),
        index=_text(settings, "RefractiveIndex"),
        magnification=_text(lens, "NominalMagnification"),
        channels=tuple(
            ChannelOptics(
                _text(each, "EmissionWavelength"), _text(each, "ExcitationWavelength"), _text(each, "AcquisitionMode")
            )
            for each in channels
        ),
    )


def _of_leica(scene: ElementTree.Element) -> Optics:
    """Returns the optics of a scene; Leica states the band that each detector sees, and no wavelength of a dye."""
    found = next(scene.iter("ATLConfocalSettingDefinition"), None)
    mode = "LaserScanningConfocalMicroscopy"
    if found is None:
        found, mode = next(scene.iter("ATLCameraSettingDefinition"), None), "WideField"
    if found is None:
        return Optics()
    return Optics(
        objective=found.get("ObjectiveName", "").strip(),
        na=found.get("NumericalAperture", ""),
        medium=found.get("Immersion", ""),
        index=found.get("RefractionIndex", ""),
        magnification=found.get("Magnification", ""),
        channels=tuple(ChannelOptics(mode=mode) for _ in scene.iter("ChannelDescription")),
    )


def _text(parent: ElementTree.Element | None, name: str) -> str:
    return "" if parent is None else (parent.findtext(name) or "").strip()
