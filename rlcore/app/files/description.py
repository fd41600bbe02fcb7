"""What a file says of its picture, besides the voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rlcore.app.files.voxel import Dialect, Voxel


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is kept from the image to the result."""

    dialect: Dialect
    voxel: Voxel = field(default_factory=Voxel)
    channels: tuple[str, ...] = ()
    """Names of all channels in the file; empty where it names none."""
    rest: Mapping[str, Any] = field(default_factory=dict)
    """All else in the dialect's words: OME-XML under ``xml``, Zarr's ``attributes``, ImageJ's or tifffile's entries."""
