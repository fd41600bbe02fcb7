"""Facts of an image file as lines for people, and in types that JSON has."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from rlcore.app.files.images import ImageEntry
from rlcore.app.files.metadata.position import position_of
from rlcore.app.files.opening import Opened
from rlcore.app.info.gather import ChannelFacts, FileFacts
from rlcore.backend.host.memory import format_bytes

_COLUMN = 13
_LISTED = 24
"""Most images that are listed, each in a line."""
_FIGURES = {
    "na": "NA {:g}", "emission": "emission {:g} nm", "excitation": "excitation {:g} nm",
    "immersion": "immersion {:g}", "technique": "{}",
}  # fmt: skip


def lines(facts: FileFacts) -> list[str]:
    """Returns the facts as lines: a topic and its words, then what is odd, and what a run would refuse."""
    image = facts.opened
    said = [str(facts.path), *_images(facts)]
    if image is not None:
        said += [_line(topic, text) for topic, text in _described(facts, image) if text]
        said += _channels(facts.channels)
    said += [f"odd: {_one_line(text)}" for text in facts.odd]
    return said + [f"a run would refuse it: {_one_line(text)}" for text in facts.refused]


def _described(facts: FileFacts, image: Opened) -> Iterator[tuple[str, str]]:
    yield from image.stored.items()
    yield "type", str(image.dtype)
    yield "axes", _axes(image)
    yield "scale", _scale(image)
    yield "position", _position(image)
    yield "time step", f"{image.about.voxel.sizes.get('T', 0):g} {image.about.voxel.units.get('T', '')}".strip(" 0")
    yield "values", "" if facts.values is None else str(facts.values)
    count, size = len(image.layout.places), 4 * math.prod(image.layout.volume_shape)
    what = "1 volume" if count == 1 else f"{count} volumes, one after the other, each"
    yield "a run takes", f"{what} of {' x '.join(map(str, image.layout.volume_shape))}, {format_bytes(size)} as float32"


def _axes(image: Opened) -> str:
    layout = image.layout
    sizes = ", ".join(
        f"{axis.lower()} {size}" for axis, size in zip(layout.file_axes, layout.file_shape, strict=True) if axis != "?"
    )
    stated = image.taken.axes
    return sizes if stated in ("", layout.file_axes) else f"{sizes} (the file says {stated})"


def _scale(image: Opened) -> str:
    voxel = image.about.voxel
    if not str(voxel):
        return "unknown"
    return f"{voxel}, not believed" if voxel.doubt else str(voxel)


def _position(image: Opened) -> str:
    """Returns the position of the first voxel as a result would state it; empty if it is that of the origin."""
    units = image.about.voxel.units
    at = {axis: by for axis, by in _placed(image).items() if by}
    return ", ".join(f"{axis.lower()} {by:g} {units.get(axis, '')}".rstrip() for axis, by in at.items())


def _placed(image: Opened) -> dict[str, float]:
    """Returns the position of the first voxel along the axes of space for which the file states it."""
    at = position_of(image.about.selected(image.layout), image.layout).at
    return {axis: at[axis] for axis in "ZYX" if axis in at}


def _images(facts: FileFacts) -> list[str]:
    """Returns a line for each image of several, and which of them a run would take."""
    if len(facts.images) < 2:
        return [] if facts.opened is not None else [_line("image", entry.described) for entry in facts.images]
    taken = None if facts.opened is None else facts.opened.taken.number
    listed = [_line("images" if number == 0 else "", _entry(entry, taken)) for number, entry in enumerate(facts.images)]
    more = len(listed) - _LISTED
    return listed[:_LISTED] + ([_line("", f"and {more} more")] if more > 0 else [])


def _entry(entry: ImageEntry, taken: int | None) -> str:
    parts = [str(entry), *([entry.described] if entry.described else [])]
    if entry.kind == "thumbnail":
        parts.append("thumbnail, by its size" if entry.guessed else "thumbnail")
    return ", ".join(parts) + (", taken" if entry.number == taken else "")


def _channels(channels: tuple[ChannelFacts, ...]) -> list[str]:
    """Returns lines for each channel, or for all that follow each other and differ in nothing."""
    said = []
    for (text, auto, stated, camera), group in itertools.groupby(channels, _words):
        numbers = [channel.number for channel in group]
        name = f"channel {numbers[0]}" if len(numbers) == 1 else f"channels {numbers[0]}-{numbers[-1]}"
        said += [_line(name, text), _line("  --psf auto", auto)]
        said += [_line(f"  {topic}", words) for topic, words in (("states", stated), ("camera", camera)) if words]
    return said


def _words(channel: ChannelFacts) -> tuple[str, str, str, str]:
    """Returns what is known of a channel, whether a PSF can be computed for it, and what is known of its camera."""
    figures = [_FIGURES[key].format(value) for key, value in channel.figures.items() if key in _FIGURES]
    said = ", ".join([*([repr(channel.name)] if channel.name else []), *figures]) or "no name, and no optics"
    stated = ", ".join(f"{name} {value}" for name, value in channel.stated.items())
    camera = f"would take: {channel.camera}" if channel.camera else ""
    lacks = "".join(f" --{option}" for option in channel.lacks)
    if channel.auto:
        return said, f"would take: {channel.auto}", stated, camera
    cannot = "cannot compute a psf"
    auto = f"{cannot}, as `rlcore psf generate` can with{lacks}" if lacks else cannot
    return said, auto, stated, camera


def _line(topic: str, text: str) -> str:
    return f"  {topic:<{_COLUMN}} {text}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def to_dict(facts: FileFacts) -> dict[str, Any]:
    """Returns the facts in types that JSON has."""
    image = facts.opened
    images = [
        {
            "number": entry.number, "name": entry.name, "shape": entry.shape, "axes": entry.axes, "dtype": entry.dtype,
            "kind": entry.kind, "taken": image is not None and entry.number == image.taken.number,
        }
        for entry in facts.images
    ]  # fmt: skip
    said: dict[str, Any] = {"file": str(facts.path), "images": images, "odd": facts.odd, "refused": facts.refused}
    if image is None:
        return said
    layout, voxel = image.layout, image.about.voxel
    values = facts.values.whole if facts.values else ()
    return said | {
        "stored": dict(image.stored),
        "dtype": str(image.dtype),
        "axes": layout.file_axes,
        "shape": layout.file_shape,
        "voxel": voxel.to_dict(),
        "voxel_believed": bool(voxel.sizes) and not voxel.doubt,
        "position": {
            axis.lower(): {"at": at, "unit": voxel.units.get(axis, "")} for axis, at in _placed(image).items()
        },
        "time_step": {"size": voxel.sizes["T"], "unit": voxel.units.get("T", "")} if "T" in voxel.sizes else None,
        "values": {"minimum": min(p.minimum for p in values), "maximum": max(p.maximum for p in values)}
        if values
        else None,
        "volumes": len(layout.places),
        "volume_shape": layout.volume_shape,
        "channels": [
            {
                "number": each.number, "name": each.name, "optics": each.figures, "psf_auto": bool(each.auto),
                "lacks": each.lacks, "camera_stated": each.stated, "camera": each.camera,
            }
            for each in facts.channels
        ],
    }  # fmt: skip
