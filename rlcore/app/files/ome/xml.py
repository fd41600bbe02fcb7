"""OME-XML of a result: that of its image if it has one, updated to the result."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from rlcore.app.files.layout import Layout
from rlcore.app.files.metadata.channel_colours import in_ome_number
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.position import position_of
from rlcore.app.files.metadata.provenance import Provenance
from rlcore.app.files.ome.kept import OWN, keep, numbered_alike, pick_planes, pick_regions
from rlcore.app.files.ome.position import planes_at
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.tiff.scale import ome_entries
from rlcore.backend.boxes import Shape

_TYPES = {"float32": "float", "uint16": "uint16"}


def files_beside(path: Location, about: Description) -> list[Path]:
    """Returns the files and folders beside an image that hold some of its planes or its metadata."""
    if isinstance(path, Url):
        return []
    source = about.rest.get("xml") if about.dialect == "ome" else None
    elements = ElementTree.fromstring(source).iter() if source else ()
    named = (name for element in elements if (name := element.get("FileName")))
    names = dict.fromkeys((*named, *about.beside))
    return [path.parent / name for name in names if (path.parent / name).exists()]


def ome_xml(about: Description, layout: Layout, axes: str, shape: Shape, dtype: str, provenance: Provenance) -> bytes:
    """Returns OME-XML, encoded as UTF-8, for a file of these axes with consecutive planes.

    Of the image's OME-XML that is kept which is true of the result: instrument, objective, selected channels and
    planes, annotations, regions of interest.

    Parameters
    ----------
    about : Description
        Metadata of the image.
    layout : Layout
        Selected time points and channels.
    axes : str
        Axes of the result's file.
    shape : tuple of int
        Length of each axis.
    dtype : str
        "float32" or "uint16".
    provenance : Provenance
        Added as a sentence in the description, and as a map annotation.
    """
    source = about.rest.get("xml") if about.dialect == "ome" else None
    root = ElementTree.fromstring(source or _new(about, layout, axes, shape, dtype))
    names = _Names(root.tag.partition("}")[0] + "}")
    # without this, ElementTree would write every tag with the prefix "ns0:"
    ElementTree.register_namespace("", names.prefix.strip("{}"))
    # the result is another file than its image, and TiffData without a UUID of its own refers to this one
    root.set("UUID", f"urn:uuid:{uuid.uuid4()}")
    root.set("Creator", f"rlcore {provenance.version}")
    image = _only_image(root, names)
    pixels = image.find(names("Pixels"))
    assert pixels is not None
    same = numbered_alike(pixels, layout)
    if source:
        keep(root)
    _set_pixels(pixels, axes, shape, dtype)
    # the user may have given another scale than the file's
    pixels.attrib.update(ome_entries(about.voxel))
    if source:
        # axes that the user has named may be others than those that channels and planes are numbered by
        _pick(root, pixels, names, layout, same=same)
    else:
        _place(pixels, names, about, layout)
    # the schema fixes the order of children: Channel, then TiffData, then Plane
    pixels.insert(len(pixels.findall(names("Channel"))), _tiff_data(names, axes, shape))
    _describe(image, names, provenance.sentence)
    _annotate(root, image, names, provenance.entries())
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


class _Names:
    """Qualifies names of elements with the file's namespace."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix if prefix.startswith("{") else ""

    def __call__(self, name: str) -> str:
        return self.prefix + name


def _new(about: Description, layout: Layout, axes: str, shape: Shape, dtype: str) -> str:
    """Returns new OME-XML with the scale and the names of channels, for an image without any."""
    planes = int(np.prod(shape[:-2]))
    entries: dict[str, Any] = {**ome_entries(about.voxel)}
    if about.channels:
        entries["Channel"] = {"Name": [about.channels[c] for c in layout.channels]}
    xml = tifffile.OmeXml()
    xml.addimage(np.dtype(dtype), shape, (planes, 1, 1, shape[-2], shape[-1], 1), axes=axes, **entries)
    return xml.tostring()


def _place(pixels: ElementTree.Element, names: _Names, about: Description, layout: Layout) -> None:
    """Sets the colours of channels, and adds the positions and times of planes, of an image in another format."""
    for number, channel in zip(layout.channels, pixels.findall(names("Channel")), strict=False):
        if number < len(about.colours) and about.colours[number]:
            channel.set("Color", in_ome_number(about.colours[number]))
    sizes = {letter: layout.size(letter) for letter in "TCZ"}
    pixels.extend(planes_at(position_of(about, layout), about.voxel, sizes, names))


def _only_image(root: ElementTree.Element, names: _Names) -> ElementTree.Element:
    """Returns the first image, and removes the others with all references to them."""
    first, *others = root.findall(names("Image"))
    gone = {image.get("ID") for image in others}
    for parent in list(root.iter()):
        for child in list(parent):
            if child in others or (child.tag == names("ImageRef") and child.get("ID") in gone):
                parent.remove(child)
    return first


def _set_pixels(pixels: ElementTree.Element, axes: str, shape: Shape, dtype: str) -> None:
    sizes = dict(zip(axes, shape, strict=True))
    for letter in "XYCZT":
        pixels.set(f"Size{letter}", str(sizes.get(letter, 1)))
    pixels.set("Type", _TYPES[dtype])
    pixels.set("DimensionOrder", "XY" + _fastest_first(axes))
    for child in list(pixels):
        if child.tag.endswith("TiffData"):
            pixels.remove(child)


def _fastest_first(axes: str) -> str:
    """Returns the axes before the plane, fastest first, followed by those that the file lacks."""
    present = axes[:-2][::-1]
    return present + "".join(letter for letter in "ZCT" if letter not in present)


def _pick(root: ElementTree.Element, pixels: ElementTree.Element, names: _Names, layout: Layout, *, same: bool) -> None:
    """Removes channels, planes and regions that were not selected, and renumbers the others."""
    channels = pixels.findall(names("Channel"))
    for channel in channels:
        pixels.remove(channel)
    # otherwise one channel stands for several samples of a pixel, such as red, green and blue
    if len(channels) == layout.size_in_file("C"):
        for place, number in enumerate(layout.channels):  # in the order in which they were picked
            channels[number].attrib.pop("SamplesPerPixel", None)  # samples have become channels
            pixels.insert(place, channels[number])
    if same:
        pick_planes(pixels, layout)
        pick_regions(root, layout)
        return
    for parent, name in ((pixels, "Plane"), (root, "ROI"), *((image, "ROIRef") for image in root.iter(names("Image")))):
        for child in parent.findall(names(name)):
            parent.remove(child)


def _tiff_data(names: _Names, axes: str, shape: Shape) -> ElementTree.Element:
    return ElementTree.Element(names("TiffData"), IFD="0", PlaneCount=str(int(np.prod(shape[:-2]))))


def _describe(image: ElementTree.Element, names: _Names, sentence: str) -> None:
    """Appends a sentence to the image's description."""
    found = image.find(names("Description"))
    if found is None:
        # the schema wants these two elements before the description
        before = [child for child in image if child.tag in map(names, ("AcquisitionDate", "ExperimenterRef"))]
        found = ElementTree.Element(names("Description"))
        image.insert(len(before), found)
    found.text = f"{found.text}\n{sentence}" if found.text else sentence


def _annotate(root: ElementTree.Element, image: ElementTree.Element, names: _Names, entries: dict[str, str]) -> None:
    """Adds the provenance as a map annotation of the image."""
    holder = root.find(names("StructuredAnnotations"))
    if holder is None:
        holder = ElementTree.Element(names("StructuredAnnotations"))
        # the schema wants annotations before these two elements
        after = [child.tag for child in root]
        end = min((after.index(tag) for tag in map(names, ("ROI", "BinaryOnly")) if tag in after), default=len(after))
        root.insert(end, holder)
    # the image may itself be a result of ours and have such an annotation
    taken = {annotation.get("ID") for annotation in holder}
    identity = next(name for n in range(len(taken) + 1) if (name := f"Annotation:rlcore-{n}") not in taken)
    annotation = ElementTree.SubElement(holder, names("MapAnnotation"), ID=identity, Namespace=OWN)
    value = ElementTree.SubElement(annotation, names("Value"))
    for key, text in entries.items():
        ElementTree.SubElement(value, names("M"), K=key).text = text
    ElementTree.SubElement(image, names("AnnotationRef"), ID=identity)
