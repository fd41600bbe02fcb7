"""Elements of OME-XML by their names, whatever version of the schema their namespace is of."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
"""Namespace of the version that is written."""


def local_name(element: ElementTree.Element) -> str:
    """Returns the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def children(parent: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Returns the elements of a name directly below another one."""
    return [child for child in parent if local_name(child) == name]


def descendants(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Yields the elements of a name anywhere below another one, and that one itself if it has the name."""
    return (element for element in root.iter() if local_name(element) == name)


def images_with_pixels(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Returns the images; an element without pixels describes something else, and is none."""
    return [image for image in children(root, "Image") if children(image, "Pixels")]


def first_pixels(root: ElementTree.Element) -> ElementTree.Element | None:
    """Returns the Pixels of the first image that has any, which state its sizes, channels and planes."""
    return next(descendants(root, "Pixels"), None)
