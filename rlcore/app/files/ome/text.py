"""OME-XML of a TIFF as its writer meant it: slips are mended, since they are no reason to refuse sound voxels."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from rlcore.app.files.ome.elements import SCHEMA, descendants, first_pixels, local_name

_LENGTHS = re.compile(r"PhysicalSize[XYZ]|TimeIncrement|DeltaT|ExposureTime|Position[XYZ]")
"""Attributes that are numbers, and on which no voxel depends."""

_SETTINGS = re.compile(
    r"LensNA|(Nominal|Calibrated)Magnification|RefractiveIndex|WorkingDistance|(Emission|Excitation)Wavelength|PinholeSize"
)
"""Further ones, of which those that are no numbers are passed over where they are used."""

_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|(\d+));")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLACING = re.compile(r"(?<![/\w:])(?:\w+:)?(Pixels|TiffData|UUID)(?=[\s/>])")
"""Elements that say where planes are, as they are written."""

_ORDER = re.compile(r"XY(?!.*(.).*\1)[ZCT]{3}")


@dataclass(frozen=True, slots=True)
class OmeText:
    """OME-XML of a file."""

    xml: str | None
    """Text, mended if it can be; None if it says nothing of the planes."""
    slips: tuple[str, ...] = ()
    """Parts that were mended or are not used, in words."""
    companion: str = ""
    """Name of the file beside it that the text is from; empty if it is the file's own."""


def open_with_ome(path: Path) -> tuple[tifffile.TiffFile, OmeText]:
    """Opens a TIFF, with its OME-XML mended, or read from its companion file."""
    tif = tifffile.TiffFile(path)
    if not tif.is_ome:
        return tif, OmeText(None)
    written = tif.pages.first.description
    text = mended(written, path)
    if text.xml in (None, written):
        return tif, text
    tif.close()
    return tifffile.TiffFile(path, omexml=text.xml), text


def mended(text: str, path: Path | None = None) -> OmeText:
    """Mends slips of OME-XML, except those in what places the planes.

    Parameters
    ----------
    text : str
    path : Path, optional
        The file, beside which its companion is looked for; none is used without.
    """
    slips: list[str] = []
    root = _parsed(text)
    if root is None:
        root, slips = _parsed_loosely(text), ["it is not well-formed XML"]
    if root is None:
        root, slips = _salvaged(text), ["it is not XML, and nothing but its sizes is used"]
    if root is None:
        return OmeText(text)  # refused later, by its reason
    if (binary := next(descendants(root, "BinaryOnly"), None)) is not None:
        return _of_companion(binary, path)
    if first_pixels(root) is None:
        return OmeText(None, ("it describes no image, so that its pages are taken as planes",))
    slips += [*_mend_numbers(root), *_mend_sizes(root)]
    return OmeText(ElementTree.tostring(root, encoding="unicode") if slips else text, tuple(slips))


def _parsed(text: str) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):  # surrogates cannot be encoded
        return None


def _parsed_loosely(text: str) -> ElementTree.Element | None:
    """Parses XML with stray ampersands and characters that XML does not have; None if that does not help.

    Text that lacks its beginning is damaged, and so is one in which an element that places planes has become text.
    """
    text = text.strip("\0 \t\r\n\ufeff")
    if not text.startswith("<"):
        return None
    loose = _BARE.sub("&amp;", _ILLEGAL.sub("\ufffd", _REFERENCE.sub(_legal, text)))
    root = _parsed(loose)
    if root is None:
        return None
    placing = [element for element in root.iter() if local_name(element) in ("Pixels", "TiffData", "UUID")]
    orders = [str(pixels.get("DimensionOrder")) for pixels in descendants(root, "Pixels")]
    whole = len(placing) == len(_PLACING.findall(text)) and all(map(_ORDER.fullmatch, orders))
    return root if whole else None


def _salvaged(text: str) -> ElementTree.Element | None:
    """Returns OME-XML with the sizes, the order and the places of planes that stand in text which is not XML.

    None unless they stand there once, for one image in one file.
    """
    text = text.strip("\0 \t\r\n\ufeff")
    tags = {name: re.findall(rf"<(?:\w+:)?{name}\s[^<>]*>", text) for name in ("Pixels", "Channel")}
    places = re.findall(r"<(?:\w+:)?TiffData[^<>]*/>", text)
    # samples of a pixel, several files, and elements that have lost their beginning
    doubtful = re.search(r"UUID\s*FileName|SamplesPerPixel\s*=\s*[\"'](?!1[\"'])", text)
    if not text.startswith("<") or doubtful or len(tags["Pixels"]) != 1 or text.count("TiffData") != len(places):
        return None
    said = dict(re.findall(r"(\w+)\s*=\s*[\"']([^\"'<>]*)[\"']", tags["Pixels"][0]))
    kept = [name for name in said if re.fullmatch(r"Size[XYZCT]|DimensionOrder|Type|PhysicalSize[XYZ](Unit)?", name)]
    if not _ORDER.fullmatch(said.get("DimensionOrder", "")) or not {f"Size{axis}" for axis in "XYZCT"} <= set(kept):
        return None
    root = ElementTree.Element(f"{{{SCHEMA}}}OME")
    image = ElementTree.SubElement(root, f"{{{SCHEMA}}}Image", ID="Image:0")
    pixels = ElementTree.SubElement(
        image, f"{{{SCHEMA}}}Pixels", {"ID": "Pixels:0", **{name: said[name] for name in kept}}
    )
    for number in range(int(said["SizeC"]) if said["SizeC"].isdecimal() and len(said["SizeC"]) < 5 else 0):
        ElementTree.SubElement(pixels, f"{{{SCHEMA}}}Channel", ID=f"Channel:0:{number}", SamplesPerPixel="1")
    for place in places:
        ElementTree.SubElement(pixels, f"{{{SCHEMA}}}TiffData", dict(re.findall(r"(\w+)\s*=\s*[\"'](\d+)[\"']", place)))
    return root if places else None


def _legal(reference: re.Match[str]) -> str:
    """Returns a reference to a character, or what stands for one that XML does not have."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    legal = number < 0x110000 and not _ILLEGAL.match(chr(number))
    return reference[0] if legal else "\ufffd"


def _of_companion(binary: ElementTree.Element, path: Path | None) -> OmeText:
    """Returns the OME-XML in a companion file; None if it is not there, or does not speak of this one."""
    # the name alone: metadata are no reason to read a file elsewhere
    name = Path(binary.get("MetadataFile", "")).name
    companion = path.parent / name if path is not None and name else None
    if companion is None or companion == path or not companion.is_file():
        return OmeText(None, (f"its companion {name!r} is not there, so that its pages are taken as planes",))
    if name.lower().endswith((".tif", ".tiff")):
        with tifffile.TiffFile(companion) as tif:
            written = tif.pages.first.description
    else:
        written = companion.read_text(encoding="utf-8-sig", errors="replace")
    text = mended(written)
    root = None if text.xml is None else _parsed(text.xml)
    if root is None or path is None or path.name not in {uuid.get("FileName") for uuid in descendants(root, "UUID")}:
        return OmeText(None, (f"its companion {name!r} does not place it, so that its pages are taken as planes",))
    return replace(text, companion=name)


def _mend_numbers(root: ElementTree.Element) -> list[str]:
    """Replaces decimal commas, and removes numbers that are none."""
    slips: dict[tuple[str, bool], str] = {}
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            length = _LENGTHS.fullmatch(name)
            if not (length or _SETTINGS.fullmatch(name)) or _is_number(value):
                continue
            if _COMMA.fullmatch(value.strip()):
                element.set(name, value.strip().replace(",", "."))
                slips.setdefault((name, True), f"{name} {value!r} is taken as {element.get(name)}")
            elif length:
                del element.attrib[name]
                slips.setdefault((name, False), f"{name} {value[:40]!r} is no number, and is left out")
    return list(slips.values())


def _mend_sizes(root: ElementTree.Element) -> list[str]:
    """Writes sizes as whole numbers, and an order of planes where any will do."""
    slips = []
    for pixels in descendants(root, "Pixels"):
        for name in [f"Size{axis}" for axis in "XYZCT"]:
            if whole := re.fullmatch(r"\s*(\d+)[.,]0*\s*", pixels.get(name, "")):
                slips.append(f"{name} {pixels.get(name)!r} is taken as {whole[1]}")
                pixels.set(name, whole[1])
        order = pixels.get("DimensionOrder", "")
        if not _ORDER.fullmatch(order) and sum(pixels.get(f"Size{axis}") != "1" for axis in "ZCT") <= 1:
            slips.append(f"DimensionOrder {order!r} is none, and does not matter")
            pixels.set("DimensionOrder", "XYZCT")
    return slips


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
