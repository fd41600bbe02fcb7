"""Parts of an image's OME-XML that are true of its result; all others are removed."""

from __future__ import annotations

from xml.etree import ElementTree

from rlcore.app.files.layout import Layout
from rlcore.app.files.ome.elements import children, local_name

_ROOT = ("Rights", "Experimenter", "ExperimenterGroup", "Group", "Instrument", "Image", "StructuredAnnotations", "ROI")
_IMAGE = (
    "AcquisitionDate", "AcquiredDate", "CreationDate", "ExperimenterRef", "Description", "ExperimenterGroupRef",
    "GroupRef", "InstrumentRef", "ObjectiveSettings", "ImagingEnvironment", "StageLabel", "Pixels", "ROIRef",
    "AnnotationRef",
)  # fmt: skip
_PIXELS = ("Channel", "Plane", "AnnotationRef")
_CHANNEL = ("LightSourceSettings", "DetectorSettings", "FilterSetRef", "LightPath", "AnnotationRef")
_PLANE = ("AnnotationRef",)
"""Children that are kept; a plane's checksum is that of its image's voxels."""

_OF_ROOT = ("UUID", "Creator")
_OF_IMAGE = ("ID", "Name")
_OF_PIXELS = ("ID", *(f"PhysicalSize{axis}{unit}" for axis in "XYZ" for unit in ("", "Unit")))
_OF_PLANE = (
    "TheZ", "TheC", "TheT", *(
        name + unit
        for name in ("DeltaT", "ExposureTime", "PositionX", "PositionY", "PositionZ")
        for unit in ("", "Unit")
    ),
)  # fmt: skip
"""Attributes that are kept, besides those of other namespaces."""

OWN, EARLIER = "rlcore", "rlcore/image"
"""Namespaces of the provenance of a result, and of its image if that is a result too."""


def keep(root: ElementTree.Element) -> None:
    """Removes all that is not known to be true of a result, from OME-XML of one image."""
    lists = {
        "OME": (_ROOT, _OF_ROOT), "Image": (_IMAGE, _OF_IMAGE), "Pixels": (_PIXELS, _OF_PIXELS),
        "Channel": (_CHANNEL, None), "Plane": (_PLANE, _OF_PLANE),
    }  # fmt: skip
    _keep_in(root, "OME", lists)
    for annotation in root.iter():
        if local_name(annotation) == "MapAnnotation" and annotation.get("Namespace") == OWN:
            annotation.set("Namespace", EARLIER)


def _keep_in(
    parent: ElementTree.Element, name: str, lists: dict[str, tuple[tuple[str, ...], tuple[str, ...] | None]]
) -> None:
    children, attributes = lists[name]
    if attributes is not None:
        for key in [key for key in parent.attrib if key not in attributes and not key.startswith("{")]:
            del parent.attrib[key]
    for child in list(parent):
        if local_name(child) not in children:
            parent.remove(child)
        elif local_name(child) in lists:
            _keep_in(child, local_name(child), lists)


def numbered_alike(pixels: ElementTree.Element, layout: Layout) -> bool:
    """Returns whether OME's Pixels number planes by the axes of the file, and not by others than the user names."""
    return all(pixels.get(f"Size{axis}") == str(layout.size_in_file(axis)) for axis in "ZCT")


def pick_planes(pixels: ElementTree.Element, layout: Layout) -> None:
    """Removes planes that were not selected, and renumbers the others."""
    for plane in children(pixels, "Plane"):
        if not _renumber(plane, layout):
            pixels.remove(plane)


def pick_regions(root: ElementTree.Element, layout: Layout) -> None:
    """Removes shapes in channels and at time points that were not selected, and regions that have none left."""
    gone = set()
    for region in children(root, "ROI"):
        shapes = [(union, shape) for union in children(region, "Union") for shape in list(union)]
        wrong = [(union, shape) for union, shape in shapes if not _renumber(shape, layout)]
        for union, shape in wrong:
            union.remove(shape)
        if shapes and len(wrong) == len(shapes):
            gone.add(region.get("ID"))
            root.remove(region)
    for image in children(root, "Image"):
        for reference in children(image, "ROIRef"):
            if reference.get("ID") in gone:
                image.remove(reference)


def _renumber(element: ElementTree.Element, layout: Layout) -> bool:
    """Sets an element's numbers to those in the result; returns False if what it is about is not selected."""
    numbers = {"TheC": layout.channels, "TheT": layout.times, "TheZ": range(layout.size("Z"))}
    for key, selected in numbers.items():
        if (text := element.get(key)) is None:
            continue
        if not text.strip().isdecimal() or int(text) not in selected:
            return False
        element.set(key, str(selected.index(int(text))))
    return True
