"""Metadata of an image file, carried over from the image to the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rlcore.app.files.voxel import Dialect, Voxel


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Metadata of an image file."""

    dialect: Dialect
    voxel: Voxel = field(default_factory=Voxel)
    channels: tuple[str, ...] = ()
    """Names of all channels in the file; empty if it names none."""
    rest: Mapping[str, Any] = field(default_factory=dict)
    """All other metadata in the dialect's form: OME-XML under ``xml``, Zarr's ``attributes``, or ImageJ's or
    tifffile's entries."""
