"""Opening a user's image or PSF: its volumes where they lie, so that a huge file is never held whole."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.description import Description
from rlcore.app.files.layout import ALL, Index, Layout, Pick, Place, lay_out
from rlcore.app.files.tiff import Encoded, read_tiff
from rlcore.backend import Volume
from rlcore.budget import host_free, parse_memory
from rlcore.errors import InputError
from rlcore.execution.checkpoint import open_volume as map_new

_UNREADABLE = (OSError, ValueError, KeyError, IndexError, struct.error, zlib.error)

Decoder = Callable[[Encoded], Volume]
"""How to get at the voxels of a volume that cannot be mapped to memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A file's volumes, and what the file says of them."""

    path: Path
    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    fetch: Callable[[Index], Any]
    """The volume at an index of the file."""

    def volume(self, place: Place) -> Any:
        """One volume, (z, y, x) or (y, x): mapped, decoded, or something that reads by slices."""
        return self.fetch(self.layout.in_file(place))

    def only(self, what: str) -> Any:
        """The volume of a file that has one."""
        if len(self.layout.places) > 1:
            count = f"{len(self.layout.times)} time points of {len(self.layout.channels)} channels"
            raise InputError(f"{what} {str(self.path)!r} has {count}; save the one you want as a file")
        return self.volume(Place())

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Of the channels that are wanted; empty where the file names none."""
        names = self.about.channels
        return tuple(names[c] for c in self.layout.channels if c < len(names))


def open_file(path: Path, what: str, *, pick: Pick = ALL, decode: Decoder | None = None) -> Opened:
    """Open a file for reading.

    Parameters
    ----------
    path : Path
        A TIFF (plain, ImageJ, OME, BigTIFF), an OME-Zarr folder or a .npy file.
    what : str
        What messages call it: "image" or "psf".
    pick : Pick, optional
        The channels and time points that are wanted of a file that has several; all by default.
    decode : callable, optional
        How to get at volumes of a TIFF that cannot be mapped; into memory by default.

    Raises
    ------
    InputError
        If the file cannot be read, or has not what is picked.
    """
    file = f"{what} {str(path)!r}"
    if path.is_dir():
        from rlcore.app.files.ome_zarr import is_zarr, read_zarr

        if not is_zarr(path):
            raise InputError(f"{file} is a folder; name a file")
        return Opened(path, *read_zarr(path, file, pick))
    if not path.is_file():
        raise InputError(f"{file} does not exist")
    try:
        if path.suffix.lower() == ".npy":
            return _open_npy(path, file, pick)
        about, layout, dtype, mapped = read_tiff(path, file, pick)
    except InputError:
        raise
    except _UNREADABLE as error:
        raise InputError(f"{file} cannot be read: {_reason(error)}") from error
    if mapped is not None:
        return Opened(path, about, layout, dtype, mapped.__getitem__)
    return Opened(path, about, layout, dtype, _Decoded(path, file, layout, dtype, decode or in_memory))


@dataclass(slots=True, eq=False)
class _Decoded:
    """Volumes that are decoded when they are asked for; the last is kept until another is."""

    path: Path
    file: str
    layout: Layout
    dtype: np.dtype[Any]
    decode: Decoder
    last: tuple[Index, Volume] | None = None

    def __call__(self, index: Index) -> Volume:
        if self.last is not None and self.last[0] == index:
            return self.last[1]
        self.last = None
        try:
            volume = self.decode(Encoded(self.path, index, self.layout.volume_shape, self.dtype))
        except _UNREADABLE as error:
            raise InputError(f"{self.file} cannot be read: {_reason(error)}") from error
        self.last = index, volume
        return volume


def not_at_all(volume: Encoded) -> Volume:
    """Decode nothing: zeros of the right shape and type, in no memory."""
    return np.broadcast_to(np.zeros((), volume.dtype), volume.shape)


def in_memory(volume: Encoded) -> Volume:
    """Decode into memory."""
    return volume.decode(np.empty(volume.shape, volume.dtype))


def into(scratch: Path, memory: str | None) -> Decoder:
    """Decode into memory, or into a .npy file where that would take more than a quarter of what is free or given."""
    asked = 1.0 if memory is None else parse_memory(memory)
    room = asked if isinstance(asked, int) else int(asked * host_free()[0])

    def decode(volume: Encoded) -> Volume:
        if math.prod(volume.shape) * volume.dtype.itemsize <= room / 4:
            return in_memory(volume)
        return volume.decode(map_new(scratch, volume.shape, volume.dtype))

    return decode


def _open_npy(path: Path, file: str, pick: Pick) -> Opened:
    array = np.load(path, mmap_mode="r")
    axes = "ZYX"[-array.ndim :] if array.ndim in (2, 3) else "?" * array.ndim
    layout = lay_out(file, axes, array.shape, pick) if array.ndim > 1 else None
    if layout is None:
        raise InputError(f"{file} has {array.ndim} axes; it must have at least 2: (y, x) or (z, y, x)")
    return Opened(path, Description(dialect="npy"), layout, array.dtype, array.__getitem__)


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
