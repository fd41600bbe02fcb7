"""Decoding of volumes that cannot be mapped to memory, one at a time, when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.layout import Index
from rlcore.app.files.tiff.planes import TiffPlanes
from rlcore.app.files.vendor.planes import VendorPlanes
from rlcore.backend import Shape, Volume
from rlcore.backend.host.memory import host_free
from rlcore.execution.checkpoint import open_volume as map_new
from rlcore.planner.budget import parse_memory


@dataclass(frozen=True, slots=True)
class Encoded:
    """A volume that cannot be mapped: its voxels are compressed, tiled or scattered, or a vendor's."""

    planes: TiffPlanes | VendorPlanes
    index: Index
    shape: Shape
    dtype: np.dtype[Any]

    def decode(self, out: Volume) -> Volume:
        """Decodes the voxels into `out`, and returns it."""
        return self.planes.decode(self.index, out)


Decoder = Callable[[Encoded], Volume]
"""Decodes a volume that cannot be mapped to memory."""


@dataclass(slots=True, eq=False)
class Decoded:
    """Volumes that are decoded on demand. The last one is kept, as a run reads a volume several times."""

    planes: TiffPlanes | VendorPlanes
    shape: Shape
    """Shape of the file."""
    dtype: np.dtype[Any]
    decode: Decoder
    last: tuple[Index, Volume] | None = None

    def __call__(self, index: Index) -> Volume:
        if self.last is not None and self.last[0] == index:
            return self.last[1]
        self.last = None  # freed first, so that two volumes are never in memory at once
        shape = tuple(size for at, size in zip(index, self.shape, strict=True) if isinstance(at, slice))
        volume = self.decode(Encoded(self.planes, index, shape, self.dtype))
        self.last = index, volume
        return volume


def decode_nothing(volume: Encoded) -> Volume:
    """Returns zeros of the right shape and type that take no memory, for commands that need only metadata."""
    return np.broadcast_to(np.zeros((), volume.dtype), volume.shape)


def in_memory(volume: Encoded) -> Volume:
    """Decodes a volume into memory."""
    return volume.decode(np.empty(volume.shape, volume.dtype))


def into(scratch: Path, memory: str | None) -> Decoder:
    """Returns a decoder into memory, or into the .npy file `scratch` for volumes larger than a quarter of the limit."""
    # the other three quarters are left for the arrays of the run
    asked = 1.0 if memory is None else parse_memory(memory)
    room = asked if isinstance(asked, int) else int(asked * host_free()[0])

    def decode(volume: Encoded) -> Volume:
        if math.prod(volume.shape) * volume.dtype.itemsize <= room / 4:
            return in_memory(volume)
        return volume.decode(map_new(scratch, volume.shape, volume.dtype))

    return decode
