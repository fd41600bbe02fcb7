"""Reader for TIFF (plain, ImageJ, OME, BigTIFF): mapped to memory if possible, else decoded volume by volume."""

from __future__ import annotations

import math
import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.description import Description
from rlcore.app.files.layout import Layout, Pick, lay_out
from rlcore.app.files.missing_planes import MissingPlanes, find_missing
from rlcore.app.files.ome_planes import absent_files, check_files, check_ome
from rlcore.app.files.ome_text import open_with_ome
from rlcore.app.files.tiff_codecs import check_codec
from rlcore.app.files.tiff_description import describe
from rlcore.app.files.tiff_page import BeyondEnd, PageKind
from rlcore.app.files.tiff_planes import TiffPlanes
from rlcore.app.files.tiff_stated import is_lacking, parsed_once, stated_series
from rlcore.app.files.tiff_structure import check_structure
from rlcore.app.files.tifffile_log import collecting_losses
from rlcore.app.files.voxel_values import Line, calibration, check_colours
from rlcore.backend import Volume
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


@dataclass(frozen=True, slots=True, eq=False)
class TiffImage:
    """First image of a TIFF."""

    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    voxels: Volume | TiffPlanes
    """Mapped if possible, else decoded from planes."""
    missing: MissingPlanes | None
    line: Line | None
    """Calibration of stored voxels."""


def read_tiff(path: Path, file: str, pick: Pick) -> TiffImage:
    """Reads a TIFF's metadata, layout and type, maps its voxels if possible, and finds the planes that are missing.

    Raises
    ------
    InputError
        If the file cannot be read or holds no image, or is cut short so that nobody knows what is missing.
    """
    if not path.stat().st_size:
        raise InputError(f"{file} cannot be read: it is empty; get it again from where it came")
    kinds, cut = check_structure(path, file)
    try:
        with collecting_losses() as losses:
            found = _read(path, file, pick, kinds, cut)
    except Exception as error:
        if cut is None:
            raise
        raise cut from error  # the cut is the cause of whatever else is found
    if cut is not None and found.missing is None:
        raise cut
    # of files that are known to be cut short tifffile logs that it cannot read the rest
    if found.missing is None or not found.missing.cause:
        losses.refuse(file)
    return found


def _read(path: Path, file: str, pick: Pick, kinds: list[PageKind], cut: BeyondEnd | None) -> TiffImage:
    with ExitStack() as opened:
        tif, ome = open_with_ome(path)
        opened.enter_context(tif)
        if ome.slips:
            caution(f"{file} has faulty OME-XML, and its voxels are read: {'; '.join(ome.slips)}", ImageWarning)
        check_files(path, file, tif)
        if not tif.series:
            raise InputError(f"{file} holds no picture")
        whole, other = _check_others(file, tif)
        whole[path.name] = len(kinds) if cut else len(tif.pages)
        series = stated_series(tif, whole, path.stat().st_size)
        pages = parsed_once(series)
        _check_series(path, file, tif, series, pages, kinds, bare=tif.is_ome and ome.xml is None)
        about = describe(tif, series, ome.xml, pick, file)
        about = replace(about, beside=(ome.companion,) if ome.companion else ())
        check_colours(series, file, pick)
        line = calibration(tif.imagej_metadata or {}, np.dtype(series.dtype), file)
        layout = lay_out(file, series.axes, series.shape, pick, about.channels)
        voxels: Volume | TiffPlanes | None = _mapped(path, tif, series)
        missing = None
        if voxels is None:
            check_codec(file, series.keyframe)
            lead = series.shape[: len(series.shape) - len(series.keyframe.shape)]
            cause = _cause(file, cut or other)
            missing = find_missing([is_lacking(page) for page in pages], lead, layout, absent_files(path, tif), cause)
            voxels = TiffPlanes(file, tif, series, pages)
            opened.pop_all()  # the planes close it
        return TiffImage(about, layout, np.dtype(series.dtype), voxels, missing, line)


def _check_others(file: str, tif: tifffile.TiffFile) -> tuple[dict[str, int], BeyondEnd | None]:
    """Checks the structure of the other files of a set.

    Returns the number of whole pages by name of each file, and what is beyond the end of the first that is cut short.
    """
    others = {page.parent.filename: page.parent for page in tif.series[0] if page is not None} if tif.is_ome else {}
    whole, cut = {}, None
    for name, other in others.items():
        if other is not tif:
            kinds, beyond = check_structure(Path(other.filehandle.path), f"{file} (file {name!r} of it)")
            whole[name], cut = len(kinds) if kinds else len(other.pages), cut or beyond
    return whole, cut


def _cause(file: str, cut: BeyondEnd | None) -> str:
    """Returns what is cut short, without the file and the remedy."""
    return "" if cut is None else str(cut).removeprefix(file).rpartition("; ")[0]


def _check_series(
    path: Path,
    file: str,
    tif: tifffile.TiffFile,
    series: tifffile.TiffPageSeries,
    pages: list[Any],
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
    if (other := _stray_page(series, pages, kinds)) is not None:
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


def _stray_page(series: tifffile.TiffPageSeries, pages: list[Any], kinds: list[PageKind]) -> int | None:
    """Returns the number of a page that a damaged tag has excluded from a stack, or that it has drawn into one."""
    if series.kind not in ("generic", "uniform", "shaped", "ome", "imagej") or len(kinds) < 2:
        return None
    # OME-TIFF may have pages in several files, whose numbers are not those of this one
    if any(page is not None and page.parent is not series.keyframe.parent for page in pages):
        return None
    if series.keyframe.index >= len(kinds):
        return None
    first = kinds[series.keyframe.index]
    within = {page.index for page in pages if page is not None}
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
