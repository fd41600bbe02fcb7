"""Reader for TIFF (plain, ImageJ, OME, BigTIFF): mapped to memory if possible, else decoded volume by volume."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.boundary import reading
from rlcore.app.files.description import Description
from rlcore.app.files.layout import Index, Layout, Pick, lay_out
from rlcore.app.files.ome_planes import check_files, check_ome
from rlcore.app.files.ome_text import open_with_ome
from rlcore.app.files.tiff_description import describe
from rlcore.app.files.tiff_page import PageKind
from rlcore.app.files.tiff_structure import check_structure
from rlcore.app.files.tifffile_log import refusing_losses
from rlcore.app.files.voxel_values import Line, calibration, check_colours
from rlcore.backend import Shape, Volume
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning

_ORDERS = {"czt", "ctz", "zct", "ztc", "tcz", "tzc", "default"}
"""Orders of planes that ImageJ states, fastest first."""

_DESCRIPTION = 270
_DAMAGED = re.compile(
    r"^images=\d+$.*^(channels|slices|frames|hyperstack)=|^\{\"shape\": \[|\A[^{]*[\]\"]\s*\}\s*\Z|\A<\?xml[^<]*\Z",
    re.MULTILINE | re.DOTALL,
)
"""Lines of ImageJ's text and tifffile's JSON, that their readers do not take for it, and XML without its end."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A volume of a TIFF that cannot be mapped: its voxels are compressed, tiled or scattered."""

    path: Path
    file: str
    """The file's role and name in messages."""
    index: Index
    shape: Shape
    dtype: np.dtype[Any]

    def decode(self, out: Volume) -> Volume:
        """Decodes the voxels into `out` page by page, so that memory holds one page besides, and returns `out`.

        Raises
        ------
        InputError
            If a page cannot be decoded; the message names it.
        """
        with reading(self.file), refusing_losses(self.file), open_with_ome(self.path)[0] as tif:
            series = tif.series[0]
            page_shape = tuple(series.keyframe.shape)
            lead = len(series.shape) - len(page_shape)
            # not one page per plane: tifffile alone knows how the series is put together
            if series.shape[lead:] != page_shape or math.prod(series.shape[:lead]) != len(series):
                out[...] = series.asarray()[self.index]
                return out
            numbers = np.arange(len(series)).reshape(series.shape[:lead])[self.index[:lead]]
            planes = out.reshape(numbers.size, *self.shape[numbers.ndim :])
            for number, plane in zip(np.ravel(numbers), planes, strict=True):
                with reading(self.file, f"at page {number}"):
                    page = series[int(number)]
                    # OME-TIFF may leave out planes that were not recorded
                    plane[...] = 0 if page is None else page.asarray()[self.index[lead:]]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class ReadTiff:
    """An open TIFF."""

    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    mapped: Volume | None
    """All stored voxels; None if they cannot be mapped to memory."""
    line: Line | None
    """Calibration of stored voxels."""


def read_tiff(path: Path, file: str, pick: Pick) -> ReadTiff:
    """Reads a TIFF's metadata, layout and type, and maps its voxels if possible.

    Raises
    ------
    InputError
        If the file is cut short or holds no image.
    """
    if not path.stat().st_size:
        raise InputError(f"{file} cannot be read: it is empty; get it again from where it came")
    kinds = check_structure(path, file)
    tif, ome = open_with_ome(path)
    with refusing_losses(file), tif:
        if ome.slips:
            caution(f"{file} has faulty OME-XML, and its voxels are read: {'; '.join(ome.slips)}", ImageWarning)
        check_files(path, file, tif)
        if not tif.series:
            raise InputError(f"{file} holds no picture")
        series = tif.series[0]  # further series are usually thumbnails, labels or coarser levels
        _check_series(path, file, tif, series, kinds, bare=tif.is_ome and ome.xml is None)
        about = describe(tif, series, ome.xml, pick, file)
        check_colours(series, file, pick)
        line = calibration(tif.imagej_metadata or {}, np.dtype(series.dtype), file)
        layout = lay_out(file, series.axes, series.shape, pick, about.channels)
        return ReadTiff(about, layout, np.dtype(series.dtype), _mapped(path, tif, series), line)


def _check_series(
    path: Path,
    file: str,
    tif: tifffile.TiffFile,
    series: tifffile.TiffPageSeries,
    kinds: list[PageKind],
    *,
    bare: bool,
) -> None:
    """Raises InputError if the file does not hold the planes that its metadata state.

    tifffile then takes all pages for one stack, whose axes are not those that were recorded. OME-XML of a `bare` one
    states no planes.
    """
    said = "" if bare else _text_of(tif)
    named = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
    if not bare and ("<OME" in said or tif.is_ome or named):
        if not tif.is_ome:
            problem = "damaged OME-XML" if "<OME" in said else "no OME-XML, though its name says OME-TIFF"
            raise InputError(f"{file} has {problem}; get it again, or name it .tif if it never had any")
        check_ome(file, tif, series)
    elif not _is_as_described(tif, series, said):
        raise InputError(f"{file} does not hold the planes that its metadata state; get it again from where it came")
    if (other := _stray_page(series, kinds)) is not None:
        raise InputError(
            f"{file} has a page {other} of another kind than those before; get it again, or save the stack by itself"
        )
    held = path.stat().st_size - (series.dataoffset or 0)
    if series.dataoffset is not None and series.nbytes > held:
        raise InputError(
            f"{file} is cut short: it states {series.nbytes} bytes of voxels and holds {held}; get it again"
        )


def _text_of(tif: tifffile.TiffFile) -> str:
    """Returns the description of the first page, or all of its text if a damaged number hides which is that."""
    tags = list(tif.pages.first.tags)
    # tifffile leaves the text as bytes if it is damaged, and then knows of no description
    described = [str(tag.value) for tag in tags if tag.code == _DESCRIPTION]
    # numbers beyond are those of manufacturers, whose text may speak of anything
    return "\n".join(described or [tag.value for tag in tags if tag.code < 32768 and isinstance(tag.value, str)])


def _is_as_described(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, said: str) -> bool:
    """Returns whether a series without OME-XML has the planes that its text states."""
    if tif.is_imagej:
        return _is_hyperstack(tif, series, said)
    # text that has lost its beginning or its end is in nobody's format, and its axes go unread
    return series.kind == "shaped" if tif.is_shaped else not _DAMAGED.search(said)


def _is_hyperstack(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, said: str) -> bool:
    """Returns whether a series holds as many planes as ImageJ's text states."""
    page, about = series.keyframe, tif.imagej_metadata or {}
    stated, planes = int(about.get("images", 1)), series.size // series.keyframe.size
    axes = [int(about[name]) for name in ("channels", "slices", "frames") if name in about]
    # a last line without a value is one that was cut off
    whole = "=" in (said.strip("\0\n").splitlines() or ["="])[-1]
    if series.kind != "imagej" or not whole or (axes and math.prod(axes) not in (stated, planes)):
        return False
    if str(about.get("order", "czt")).lower() not in _ORDERS and sum(size > 1 for size in axes) > 1:
        return False
    # some programs count the samples of a pixel as images
    return stated <= 1 or stated in (planes, planes * page.samplesperpixel)


def _stray_page(series: tifffile.TiffPageSeries, kinds: list[PageKind]) -> int | None:
    """Returns the number of a page that a damaged tag has excluded from a stack, or that it has drawn into one."""
    if series.kind not in ("generic", "uniform", "shaped", "ome", "imagej") or len(kinds) < 2:
        return None
    # OME-TIFF may have pages in several files, whose numbers are not those of this one
    if any(page is not None and page.parent is not series.keyframe.parent for page in series.pages):
        return None
    if series.keyframe.index >= len(kinds):
        return None
    first = kinds[series.keyframe.index]
    within = {page.index for page in series.pages if page is not None}
    for number, kind in enumerate(kinds):
        # thumbnails and coarser levels differ in both lengths, or are marked; further stacks have a text of their own
        beside = kind.width == first.width or kind.length == first.length
        if kind != first and (
            number in within or (series.kind not in ("shaped", "ome") and beside and not kind.reduced)
        ):
            return number
    return None


def _mapped(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Volume | None:
    """Maps the voxels to memory; returns None if they are compressed, tiled or scattered."""
    if series.dataoffset is None or series.dtype is None:
        return None
    dtype = np.dtype(tif.byteorder + series.dtype.char)
    return np.memmap(path, dtype, "r", series.dataoffset, series.shape)
