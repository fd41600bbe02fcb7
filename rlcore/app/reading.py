"""Opening a user's image or PSF: mapped to memory where the file allows it, so that a huge one is not loaded whole."""

from __future__ import annotations

import logging
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from rlcore.app.voxel import Dialect, Voxel, read_voxel
from rlcore.backend import Volume
from rlcore.budget import host_free, parse_memory
from rlcore.errors import InputError
from rlcore.execution.checkpoint import open_volume as map_new

_UNREADABLE = (OSError, ValueError, KeyError, IndexError, struct.error, zlib.error)
_DEPTH = "ZIQ"
"""Axes that may stand for z: z itself, an unnamed sequence of planes, an unknown axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A volume from a file, and what the file says of it."""

    path: Path
    array: Volume
    axes: str
    """``ZYX`` or ``YX``."""
    voxel: Voxel
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Pick:
    """Which of several channels and time points; None where the user did not say."""

    channel: int | None = None
    time: int | None = None


ANY = Pick()

Decoder = Callable[[tifffile.TiffPageSeries], Volume]
"""How to get at the voxels of a TIFF that cannot be mapped to memory."""


def open_file(path: Path, what: str, *, pick: Pick = ANY, decode: Decoder | None = None) -> Opened:
    """Open a file for reading.

    Parameters
    ----------
    path : Path
        A TIFF (plain, ImageJ, OME, BigTIFF) or a .npy file.
    what : str
        What messages call it: "image" or "psf".
    pick : Pick, optional
        The channel and the time point of a file that has several.
    decode : callable, optional
        How to get at the voxels of a TIFF that cannot be mapped; into memory by default.

    Raises
    ------
    InputError
        If the file cannot be read, or holds more than one volume and none is picked.
    """
    if not path.is_file():
        raise InputError(f"{what} {str(path)!r} {'is a folder; name a file' if path.is_dir() else 'does not exist'}")
    try:
        if path.suffix.lower() == ".npy":
            return _open_npy(path)
        return _open_tiff(path, what, pick, decode or _in_memory)
    except InputError:
        raise
    except _UNREADABLE as error:
        raise InputError(f"{what} {str(path)!r} cannot be read: {_reason(error)}") from error


def not_at_all(series: tifffile.TiffPageSeries) -> Volume:
    """Decode nothing: zeros of the right shape and type, in no memory."""
    return np.broadcast_to(np.zeros((), series.dtype), series.shape)


def into(scratch: Path, memory: str | None) -> Decoder:
    """Decode into memory, or into a .npy file where that would take more than a quarter of what is free or given."""
    asked = 1.0 if memory is None else parse_memory(memory)
    room = asked if isinstance(asked, int) else int(asked * host_free()[0])

    def decode(series: tifffile.TiffPageSeries) -> Volume:
        dtype = np.dtype(series.dtype)
        if math.prod(series.shape) * dtype.itemsize <= room / 4:
            return _in_memory(series)
        volume = map_new(scratch, series.shape, dtype)
        series.asarray(out=volume)
        return volume

    return decode


def _in_memory(series: tifffile.TiffPageSeries) -> Volume:
    return series.asarray()


def _open_npy(path: Path) -> Opened:
    array = np.load(path, mmap_mode="r")
    return Opened(path, array, "ZYX"[-array.ndim :] if array.ndim in (2, 3) else "", Voxel(), "npy")


def _open_tiff(path: Path, what: str, pick: Pick, decode: Decoder) -> Opened:
    with tifffile.TiffFile(path) as tif:
        pages = _Pages()
        with pages.counted():
            empty = not tif.series
        if pages.lost:
            raise InputError(f"{what} {str(path)!r} is cut short: {pages.lost}; get it again from where it came")
        if empty:
            raise InputError(f"{what} {str(path)!r} holds no picture")
        series = tif.series[0]
        dialect: Dialect = "ome" if tif.is_ome else "imagej" if tif.is_imagej else "plain"
        index, axes = _choose(f"{what} {str(path)!r}", series.axes, series.shape, pick)
        voxel = read_voxel(tif, dialect)
        mapped = _mapped(path, tif, series)
        array = decode(series) if mapped is None else mapped
    return Opened(path, array[index], axes, voxel, dialect)


class _Pages(logging.Handler):
    """Hears of pages that a damaged file points to but has not got: tifffile leaves them out, and only logs it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lost = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "invalid page offset" in message or "corrupted tag list" in message:
            self.lost = self.lost or message.partition("> ")[2]

    @contextmanager
    def counted(self) -> Iterator[None]:
        log = logging.getLogger("tifffile")
        log.addHandler(self)
        try:
            yield
        finally:
            log.removeHandler(self)


def _choose(file: str, axes: str, shape: tuple[int, ...], pick: Pick) -> tuple[tuple[int | slice, ...], str]:
    """An index that leaves (z, y, x) or (y, x), and their letters."""
    index: list[int | slice] = []
    left = ""
    depth = next((letter for letter in _DEPTH if letter in axes and shape[axes.index(letter)] > 1), "Z")
    for letter, size in zip(axes, shape, strict=True):
        if letter in "YX" or letter == depth:
            index.append(slice(None) if letter in "YX" or size > 1 else 0)
            left += ("Z" if letter == depth else letter) if letter in "YX" or size > 1 else ""
        elif letter == "T":
            index.append(_take(file, "time points", "--time", size, pick.time))
        elif letter in "CS":
            index.append(_take(file, "channels", "--channel", size, pick.channel))
        elif size == 1:
            index.append(0)
        else:
            raise InputError(f"{file} has {size} entries along its axis {letter!r}; save the one you want as a file")
    return tuple(index), left


def _take(file: str, several: str, option: str, size: int, wanted: int | None) -> int:
    if wanted is None and size > 1:
        raise InputError(f"{file} has {size} {several}; pick one by {option} 0 to {option} {size - 1}")
    if not 0 <= (wanted or 0) < size:
        raise InputError(f"{file} has {size} {several}, counted from 0, and none is {wanted}; give another {option}")
    return wanted or 0


def _mapped(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Volume | None:
    """The voxels where they lie in the file; None if they are compressed, tiled or scattered."""
    if series.dataoffset is None or series.dtype is None:
        return None
    dtype = np.dtype(tif.byteorder + series.dtype.char)
    return np.memmap(path, dtype, "r", series.dataoffset, series.shape)


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
