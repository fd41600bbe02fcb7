"""Reading TIFF: plain, ImageJ, OME, BigTIFF; mapped where the file allows it, else decoded a volume at a time."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.description import Description
from rlcore.app.files.layout import Index, Layout, Pick, lay_out
from rlcore.app.files.tiff_scale import read_voxel
from rlcore.app.files.voxel import Dialect
from rlcore.backend import Shape, Volume
from rlcore.errors import InputError

_MADE_ANEW = {"ImageJ", "images", "channels", "slices", "frames", "hyperstack", "min", "max", "Ranges", "axes", "shape"}
"""Entries that follow from the result itself, or tell of the image's intensities."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A volume of a TIFF whose voxels are compressed, tiled or scattered."""

    path: Path
    index: Index
    shape: Shape
    dtype: np.dtype[Any]

    def decode(self, out: Volume) -> Volume:
        """Its voxels, page by page, in `out`."""
        with tifffile.TiffFile(self.path) as tif:
            series = tif.series[0]
            page_shape = tuple(series.keyframe.shape)
            lead = len(series.shape) - len(page_shape)
            if series.shape[lead:] != page_shape or math.prod(series.shape[:lead]) != len(series):
                out[...] = series.asarray()[self.index]
                return out
            numbers = np.arange(len(series)).reshape(series.shape[:lead])[self.index[:lead]]
            planes = out.reshape(numbers.size, *self.shape[numbers.ndim :])
            for number, plane in zip(np.ravel(numbers), planes, strict=True):
                page = series[int(number)]
                plane[...] = 0 if page is None else page.asarray()[self.index[lead:]]
        return out


def read_tiff(path: Path, file: str, pick: Pick) -> tuple[Description, Layout, np.dtype[Any], Volume | None]:
    """What a TIFF says, how its volumes lie, and its voxels if they can be mapped to memory."""
    with tifffile.TiffFile(path) as tif:
        pages = _Pages()
        with pages.counted():
            empty = not tif.series
        if pages.lost:
            raise InputError(f"{file} is cut short: {pages.lost}; get it again from where it came")
        if empty:
            raise InputError(f"{file} holds no picture")
        series = tif.series[0]
        about = _describe(tif, series)
        layout = lay_out(file, series.axes, series.shape, pick, about.channels)
        return about, layout, np.dtype(series.dtype), _mapped(path, tif, series)


def _describe(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Description:
    dialect: Dialect = "ome" if tif.is_ome else "imagej" if tif.is_imagej else "plain"
    rest: dict[str, Any] = {"xml": tif.ome_metadata} if dialect == "ome" else {}
    if dialect == "imagej":
        rest = dict(tif.imagej_metadata or {})
    elif dialect == "plain":
        rest = dict((tif.shaped_metadata or ({},))[0])
        if not rest and (text := tif.pages.first.description):
            rest = {"description": text}
    channels = {"ome": _channels_of_ome, "imagej": _channels_of_imagej}.get(dialect, _channels_of_shaped)(rest, series)
    kept = {key: value for key, value in rest.items() if key not in _MADE_ANEW}
    return Description(dialect=dialect, voxel=read_voxel(tif, dialect), channels=channels, rest=kept)


def _channels_of_ome(rest: dict[str, Any], series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    image = tifffile.xml2dict(rest["xml"] or "")["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    channels = pixels.get("Channel", [])
    names = [str(channel.get("Name", "")) for channel in (channels if isinstance(channels, list) else [channels])]
    return tuple(names) if any(names) else ()


def _channels_of_imagej(rest: dict[str, Any], series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    """ImageJ labels planes; where the labels tell channels apart and nothing else, they name them."""
    labels = list(rest.get("Labels", ()))
    size = series.shape[series.axes.index("C")] if "C" in series.axes else 1
    names = labels[:size]
    return tuple(names) if labels and labels == names * (len(labels) // size) and size > 1 else ()


def _channels_of_shaped(rest: dict[str, Any], series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    names = rest.get("channel_names", ())
    return tuple(map(str, names)) if isinstance(names, list) else ()


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


def _mapped(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Volume | None:
    """The voxels where they lie in the file; None if they are compressed, tiled or scattered."""
    if series.dataoffset is None or series.dtype is None:
        return None
    dtype = np.dtype(tif.byteorder + series.dtype.char)
    return np.memmap(path, dtype, "r", series.dataoffset, series.shape)
