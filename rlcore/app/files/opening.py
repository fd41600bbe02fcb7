"""Opens image and PSF files; volumes are mapped or read by slices, so that a huge file is never loaded whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.boundary import check_kind, reading
from rlcore.app.files.description import Description
from rlcore.app.files.layout import ALL, Index, Layout, Pick, Place, lay_out
from rlcore.app.files.missing_planes import MissingPlanes
from rlcore.app.files.npy_input import map_npy
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.scale import doubted
from rlcore.app.files.tiff_input import read_tiff
from rlcore.app.files.tiff_planes import TiffPlanes
from rlcore.app.files.voxel_values import CalibratedVolume
from rlcore.app.files.zarr_signs import is_zarr
from rlcore.app.files.zip_archive import is_archive
from rlcore.backend import Shape, Volume
from rlcore.backend.host.memory import host_free
from rlcore.errors import InputError
from rlcore.execution.checkpoint import open_volume as map_new
from rlcore.planner.budget import parse_memory

_NUMBERS = "buif"
"""Kinds of types that a voxel may have: truth values, integers and floating point."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A volume of a TIFF that cannot be mapped: its voxels are compressed, tiled or scattered."""

    planes: TiffPlanes
    index: Index
    shape: Shape
    dtype: np.dtype[Any]

    def decode(self, out: Volume) -> Volume:
        """Decodes the voxels into `out`, and returns it."""
        return self.planes.decode(self.index, out)


Decoder = Callable[[Encoded], Volume]
"""Decodes a volume that cannot be mapped to memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """An open file: its volumes and its metadata."""

    path: Location
    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    fetch: Callable[[Index], Any]
    """Function from an index of the file to the volume there."""
    missing: MissingPlanes | None = None
    """Selected planes that no file holds, which are zeros; None if all are there."""

    def volume(self, place: Place) -> Any:
        """Returns one volume, (z, y, x) or (y, x): mapped, decoded, or an object that reads by slices."""
        return self.fetch(self.layout.in_file(place))

    def only(self, what: str) -> Any:
        """Returns the volume of a file that has exactly one; raises InputError if it has several."""
        if len(self.layout.places) > 1:
            count = f"{len(self.layout.times)} time points of {len(self.layout.channels)} channels"
            raise InputError(f"{what} {str(self.path)!r} has {count}; save the one you want as a file")
        return self.volume(Place())

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the selected channels; empty if the file names none."""
        names = self.about.channels
        return tuple(names[c] for c in self.layout.channels if c < len(names))


def open_file(
    path: Location, what: str, *, pick: Pick = ALL, decode: Decoder | None = None, fill_missing: bool = False
) -> Opened:
    """Opens a file for reading.

    Parameters
    ----------
    path : Path or Url
        A TIFF (plain, ImageJ, OME, BigTIFF), an OME-Zarr folder or archive, a .npy file, or the URL of an OME-Zarr.
    what : str
        Name of the file's role in messages: "image" or "psf".
    pick : Pick, optional
        Selected channels and time points; all by default.
    decode : callable, optional
        Decoder for volumes of a TIFF that cannot be mapped; decodes into memory by default.
    fill_missing : bool, default False
        Take planes that no file holds for zeros, in place of an error; the caller has to say so.

    Raises
    ------
    InputError
        If the file cannot be read, or the selection does not exist.
    """
    file = f"{what} {str(path)!r}"
    with reading(file):
        opened = _open(path, file, pick, decode or in_memory)
    if opened.missing is not None and not fill_missing:
        raise InputError(_refusal(opened.missing, file, what))
    if opened.dtype.kind not in _NUMBERS:
        raise InputError(f"{file} has voxels of type {str(opened.dtype)!r}; save them as numbers that are not complex")
    voxel = doubted(opened.about.voxel)
    return replace(opened, about=replace(opened.about, voxel=voxel))


def _refusal(missing: MissingPlanes, file: str, what: str) -> str:
    """Returns the sentence that names the planes that are missing, and what can be done."""
    cause = f"{missing.cause}, and " if missing.cause else " "
    # only the image has the option
    rest = ", or give --fill-missing to restore the rest, with zeros in their place" if what == "image" else ""
    return f"{file}{cause}{missing}; get them from where the others came{rest}"


def _open(path: Location, file: str, pick: Pick, decode: Decoder) -> Opened:
    if isinstance(path, Path) and path.is_dir() and not is_zarr(path):
        raise InputError(f"{file} is a folder; name a file")
    if isinstance(path, Url) or path.is_dir() or is_archive(path):
        # imported late: zarr is an optional dependency
        from rlcore.app.files.zarr_input import read_zarr

        return Opened(path, *read_zarr(path, file, pick))
    check_kind(path, file)
    if path.suffix.lower() == ".npy":
        return _open_npy(path, file, pick)
    found = read_tiff(path, file, pick)
    layout, dtype, voxels = found.layout, found.dtype, found.voxels
    fetch: Callable[[Index], Any] = (
        _Decoded(voxels, layout, dtype, decode) if isinstance(voxels, TiffPlanes) else voxels.__getitem__
    )
    if (line := found.line) is None:
        return Opened(path, found.about, layout, dtype, fetch, found.missing)
    calibrated: Callable[[Index], Any] = lambda index: CalibratedVolume(fetch(index), line)  # noqa: E731
    return Opened(path, found.about, layout, line.dtype, calibrated, found.missing)


@dataclass(slots=True, eq=False)
class _Decoded:
    """Volumes that are decoded on demand. The last one is kept, as a run reads a volume several times."""

    planes: TiffPlanes
    layout: Layout
    dtype: np.dtype[Any]
    decode: Decoder
    last: tuple[Index, Volume] | None = None

    def __call__(self, index: Index) -> Volume:
        if self.last is not None and self.last[0] == index:
            return self.last[1]
        self.last = None  # freed first, so that two volumes are never in memory at once
        volume = self.decode(Encoded(self.planes, index, self.layout.volume_shape, self.dtype))
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


def _open_npy(path: Path, file: str, pick: Pick) -> Opened:
    array = map_npy(path, file)
    # NumPy's format names no axes; "?" has them named by --axes
    axes = "ZYX"[-array.ndim :] if array.ndim in (2, 3) else "?" * array.ndim
    layout = lay_out(file, axes, array.shape, pick) if array.ndim > 1 else None
    if layout is None:
        raise InputError(f"{file} has {array.ndim} axes; it must have at least 2: (y, x) or (z, y, x)")
    return Opened(path, Description(dialect="npy"), layout, array.dtype, array.__getitem__)
