"""Metadata of an image file, carried over from the image to the result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rlcore.app.files.layout import Layout
from rlcore.app.files.metadata.voxel import Dialect, Voxel


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Metadata of an image file."""

    dialect: Dialect
    voxel: Voxel = field(default_factory=Voxel)
    channels: tuple[str, ...] = ()
    """Names of all channels in the file, one each; empty if it names none."""
    colours: tuple[str, ...] = ()
    """Colours of all channels in the file, as six hexadecimal digits or empty; empty if it gives none."""
    min_is_white: bool = False
    """True if the smallest values are shown as white."""
    beside: tuple[str, ...] = ()
    """Names of other files and folders in the image's folder that it is read from, besides those that `rest` names."""
    rest: Mapping[str, Any] = field(default_factory=dict)
    """All other metadata in the dialect's form: OME-XML under ``xml``, Zarr's ``attributes``, or ImageJ's or
    tifffile's entries."""

    def selected(self, layout: Layout) -> Description:
        """Returns the description of the selected time points, whose interval is that between them."""
        steps = {b - a for a, b in zip(layout.times, layout.times[1:], strict=False)}
        step = steps.pop() if len(steps) == 1 else 0
        if step == 1 or layout.size_in_file("T") == 1 or "T" not in self.voxel.sizes:
            return self
        sizes, units = dict(self.voxel.sizes), dict(self.voxel.units)
        if step > 0:
            sizes["T"] *= step
        else:  # at several intervals, backwards, or a single one
            del sizes["T"]
            units.pop("T", None)
        return replace(self, voxel=Voxel(sizes, units))


_NO_NAME = re.compile(r"Channel:\d+(:\d+)*|(c:\d+/\d+|z:\d+/\d+|t:\d+/\d+)( .*)?|\s*", re.DOTALL)
"""Identifiers, and positions of planes, that programs write in place of names."""


def names_of_channels(names: Sequence[object], size: int) -> tuple[str, ...]:
    """Returns names of all channels; none unless there is one each, all differ, and they are names."""
    texts = tuple("" if name is None or _NO_NAME.fullmatch(str(name)) else str(name) for name in names)
    said = [text for text in texts if text]
    return texts if len(texts) == size and said and len(set(said)) == len(said) else ()
