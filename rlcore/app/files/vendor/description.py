"""Metadata of an image in a vendor's file, as its reader gives them: scale, names of channels, OME-XML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

from rlcore.app.files.boundary import reason_of
from rlcore.app.files.metadata.description import Description, names_of_channels
from rlcore.app.files.metadata.units import canonical
from rlcore.app.files.metadata.vendor_scale import positive
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.ome.elements import children, first_pixels
from rlcore.app.files.tiff.scale import joined, voxel_of_pixels
from rlcore.app.files.vendor.contained import contained
from rlcore.app.files.vendor.optics import optics_of, stated_sizes
from rlcore.app.whole_numbers import whole_number
from rlcore.errors import caution
from rlcore.execution.volumes.image import ImageWarning


class Asked:
    """Questions to a reader, whose failures cost what was asked and nothing else.

    Parameters
    ----------
    reader : bioio_base.reader.Reader
        The reader, at the scene in question.
    """

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.failures: list[str] = []

    def __call__(self, what: str, question: Callable[[Any], Any]) -> Any:
        """Returns a reader's answer; None if it has none, or fails, which is noted unless `what` was asked is empty."""
        try:
            with contained():
                return question(self.reader)
        except NotImplementedError:  # by which readers of BioIO say that a format has no such metadata
            return None
        except Exception as error:  # noqa: BLE001  # readers raise whatever a slip in metadata leads them to
            if what:
                self.failures.append(f"{what}: {reason_of(error)}")
            return None

    def warn(self, file: str) -> None:
        """Warns of the questions that have failed."""
        if self.failures:
            said = "; ".join(self.failures)
            caution(f"{file} has metadata that its reader cannot give, and is read without ({said})", ImageWarning)


def describe(asked: Asked, scene: int, sizes: Mapping[str, int], file: str) -> Description:
    """Returns the metadata of the scene that a reader is at.

    Parameters
    ----------
    asked : Asked
    scene : int
        Number of the scene.
    sizes : mapping
        Numbers of time points, channels and planes, under "T", "C" and "Z".
    file : str
        The file's role and name in messages.
    """
    metadata = asked("", lambda reader: reader.metadata)  # in the vendor's own form, if it has any
    xml = _ome_xml(asked, scene, metadata)
    root = None if xml is None else ElementTree.fromstring(xml)
    pixels = None if root is None else first_pixels(root)
    stated = Voxel() if pixels is None else voxel_of_pixels(pixels.attrib)
    described = [] if pixels is None else children(pixels, "Channel")
    own = asked("names of channels", lambda reader: [str(name) for name in reader.channel_names or ()])
    names = names_of_channels(own or (), sizes["C"])
    names = names or names_of_channels([channel.get("Name") for channel in described], sizes["C"])
    for channel, name in zip(described, names, strict=False):
        channel.set("Name", name)
    about = Description(
        dialect="ome",
        voxel=joined(stated, _voxel(asked)),
        channels=names,
        rest={} if root is None else {"xml": ElementTree.tostring(root, encoding="unicode")},
    )
    asked.warn(file)
    by_ome = {} if pixels is None else pixels.attrib
    _warn_of_less({**by_ome, **stated_sizes(metadata)}, {**sizes, "S": len(asked.reader.scenes)}, file)
    return about


def _warn_of_less(stated: Mapping[str, str], found: Mapping[str, int], file: str) -> None:
    """Warns of images, time points, channels and planes that the metadata state, and the reader does not find."""
    words = {"S": "images", "T": "time points", "C": "channels", "Z": "planes"}
    numbers = {letter: whole_number(stated.get(f"Size{letter}", "")) or 0 for letter in words}
    less = [f"{words[letter]} {n}, not {found[letter]}" for letter, n in numbers.items() if n > found[letter]]
    if less:
        caution(
            f"{file} states more than its reader finds: {', '.join(less)}; only what is found is read", ImageWarning
        )


def _ome_xml(asked: Asked, scene: int, metadata: object) -> str | None:
    """Returns OME-XML of the scene alone: the reader's, or what is made of the vendor's metadata; None without both."""
    before, scenes = len(asked.failures), len(asked.reader.scenes)
    text = asked("OME metadata", lambda reader: reader.ome_metadata.to_xml())
    if text is not None and (found := _of_scene(text, scene, scenes)):
        return found
    optics = asked("optics", lambda _: optics_of(metadata, scene, scenes))
    if optics is None:
        return None
    del asked.failures[before:]  # the vendor's own metadata say as much
    made: str | None = optics.to_ome()
    return made


def _of_scene(text: str, scene: int, scenes: int) -> str | None:
    """Returns OME-XML with one of its images, the one of a scene; None if nobody knows which that is."""
    root = ElementTree.fromstring(text)
    images = children(root, "Image")
    if len(images) not in (1, scenes):
        return None
    mine = images[scene if len(images) == scenes else 0]
    if first_pixels(mine) is None:
        return None
    for other in images:
        if other is not mine:
            root.remove(other)
    return ElementTree.tostring(root, encoding="unicode")


def _voxel(asked: Asked) -> Voxel:
    """Returns the scale that the reader gives: in µm and seconds, unless it names a unit."""
    scale = asked("scale", lambda reader: reader.scale)
    properties = asked("units", lambda reader: reader.dimension_properties)
    sizes = {axis: size for axis in "ZYXT" if (size := positive(getattr(scale, axis, None)))}
    if "T" not in sizes and (step := asked("time step", lambda reader: reader.standard_metadata.timelapse_interval)):
        sizes["T"] = step.total_seconds()
    units = {axis: getattr(getattr(properties, axis, None), "unit", None) for axis in sizes}
    return Voxel(
        sizes, {axis: canonical(str(unit)) if unit else "s" if axis == "T" else "µm" for axis, unit in units.items()}
    )
