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
from rlcore.app.files.images import ImageEntry, choose_image
from rlcore.app.files.layout import Layout, Pick, lay_out
from rlcore.app.files.missing_planes import MissingPlanes, find_missing
from rlcore.app.files.ome_planes import absent_files, check_files, check_ome, damaged_beside
from rlcore.app.files.ome_text import open_with_ome
from rlcore.app.files.tiff_codecs import check_codec
from rlcore.app.files.tiff_description import describe, says_nothing_of_channels
from rlcore.app.files.tiff_images import images_of, say_joined, with_first
from rlcore.app.files.tiff_page import BeyondEnd, PageKind
from rlcore.app.files.tiff_planes import TiffPlanes
from rlcore.app.files.tiff_stated import is_lacking, parsed_once, stated_series
from rlcore.app.files.tiff_storage import storage_of
from rlcore.app.files.tiff_structure import check_structure
from rlcore.app.files.tifffile_log import HeldMessages, holding_messages
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
    """An image of a TIFF."""

    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    voxels: Volume | TiffPlanes
    """Mapped if possible, else decoded from planes."""
    missing: MissingPlanes | None
    line: Line | None
    """Calibration of stored voxels."""
    images: tuple[ImageEntry, ...]
    """All images of the file."""
    taken: ImageEntry
    stored: dict[str, str]
    """Storage of the voxels, in words by their topic."""


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
        with holding_messages() as held:
            found = _read(path, file, pick, kinds, cut, held)
    except Exception as error:
        if cut is None:
            raise
        raise cut from error  # the cut is the cause of whatever else is found
    if cut is not None and found.missing is None:
        raise cut
    # of files that are known to be cut short tifffile logs that it cannot read the rest
    if found.missing is None or not found.missing.cause:
        held.refuse(file)
    if found.missing is None:  # otherwise a sentence says which planes are missing, once
        held.show()
    return found


def list_tiff(path: Path, file: str) -> tuple[ImageEntry, ...]:
    """Returns the images of a TIFF; raises InputError if it holds no picture."""
    with holding_messages():
        tif, ome = open_with_ome(path)
        with tif:
            check_files(path, file, tif)
            if not tif.series:
                raise InputError(f"{file} holds no picture")
            return images_of(tif, path, ome.xml).entries


def _read(
    path: Path, file: str, pick: Pick, kinds: list[PageKind], cut: BeyondEnd | None, held: HeldMessages
) -> TiffImage:
    with ExitStack() as opened:
        tif, ome = open_with_ome(path)
        opened.enter_context(tif)
        if ome.slips:
            caution(f"{file} has faulty OME-XML, and its voxels are read: {'; '.join(ome.slips)}", ImageWarning)
        check_files(path, file, tif)
        if not tif.series:
            raise InputError(f"{file} holds no picture")
        found = images_of(tif, path, ome.xml)
        taken = choose_image(file, found.entries, pick)
        xml, series = with_first(ome.xml, taken), found.series_of(taken, path, ome.xml, file)
        if pick.axes is None:  # whoever names the axes of the planes knows that they are one image
            say_joined(file, tif, series)
        if held.first and cut is None and xml is not None and (damaged := damaged_beside(path, xml)):
            held.forgive()
            said = f"{file} is one of several files, of which {damaged!r} is damaged; image {taken} has no plane there"
            caution(said, ImageWarning)
        whole, other = _check_others(file, tif, series)
        whole[path.name] = len(kinds) if cut else len(tif.pages)
        series = stated_series(tif, series, whole, path.stat().st_size)
        _say_left_out(file, tif, series)
        pages = parsed_once(series)
        picked = pick.image is not None and len(found.entries) > 1
        _check_series(path, file, tif, series, pages, [] if picked else kinds, xml)
        about = describe(tif, series, xml, pick, file)
        about = replace(about, beside=(ome.companion,) if ome.companion else ())
        check_colours(series, file, pick)
        line = calibration(tif.imagej_metadata or {}, np.dtype(series.dtype), file)
        # writers in Python put channels there by default; any other order was asked for
        doubtful = "C" if "CYX" in series.axes and says_nothing_of_channels(tif, about) else ""
        layout = lay_out(file, series.axes, series.shape, pick, about.channels, by_default=doubtful)
        voxels: Volume | TiffPlanes | None = _mapped(path, tif, series)
        missing = None
        if voxels is None:
            check_codec(file, series.keyframe)
            lead = series.shape[: len(series.shape) - len(series.keyframe.shape)]
            cause = _cause(file, cut or other)
            missing = find_missing([is_lacking(page) for page in pages], lead, layout, absent_files(path, xml), cause)
            voxels = TiffPlanes(file, tif, series, pages)
            opened.pop_all()  # the planes close it
        stored = storage_of(tif, series, about.dialect)
        return TiffImage(about, layout, np.dtype(series.dtype), voxels, missing, line, found.entries, taken, stored)


def _check_others(
    file: str, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> tuple[dict[str, int], BeyondEnd | None]:
    """Checks the structure of the other files that hold pages of a series.

    Returns the number of whole pages by name of each file, and what is beyond the end of the first that is cut short.
    """
    others = {page.parent.filename: page.parent for page in series if page is not None} if tif.is_ome else {}
    whole, cut = {}, None
    for name, other in others.items():
        if other is not tif:
            kinds, beyond = check_structure(Path(other.filehandle.path), f"{file} (file {name!r} of it)")
            whole[name], cut = len(kinds) if kinds else len(other.pages), cut or beyond
    return whole, cut


def _say_left_out(file: str, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Warns of pages behind those that ImageJ's text states."""
    more = len(tif.pages) - len(series)
    if series.kind == "imagej" and more > 0 and len(tif.pages) > 1:
        caution(
            f"{file} has {more} more {'page' if more == 1 else 'pages'} than the {len(series)} that ImageJ's text "
            "states, and is restored without",
            ImageWarning,
        )


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
    xml: str | None,
) -> None:
    """Raises InputError if the file does not hold the planes that its metadata state.

    tifffile then takes all pages for one stack, whose axes are not those that were recorded. Without the `kinds` of
    pages, those beside the series may be of any.
    """
    bare = tif.is_ome and xml is None  # OME-XML that states no planes
    said = "" if bare else _text_of(tif)
    named = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
    if not bare and ("<OME" in said or tif.is_ome or named):
        if not tif.is_ome:
            problem = "damaged OME-XML" if "<OME" in said else "no OME-XML, though its name says OME-TIFF"
            raise InputError(f"{file} has {problem}; get it again, or name it .tif if it never had any")
        check_ome(file, tif, series, xml or "")
    elif tif.is_imagej and (order := _unknown_order(tif.imagej_metadata or {})):
        raise InputError(
            f"{file} has its planes in the order {order!r} by ImageJ's text, which is none of "
            f"{', '.join(sorted(_ORDERS - {'default'}))}; open it in ImageJ, put them right by Image > Hyperstacks > "
            "Re-order Hyperstack, and save it again"
        )
    elif not _is_as_described(tif, series, said):
        raise InputError(f"{file} does not hold the planes that its metadata state; get it again from where it came")
    if (other := _stray_page(series, pages, kinds)) is not None:
        raise InputError(
            f"{file} has a page {other} of another kind than those before; get it again, save the stack by itself, or "
            "pick one of its images by --image"
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


def _unknown_order(about: dict[str, Any]) -> str:
    """Returns the order of planes that ImageJ's text states if nobody knows it; empty if it is known or not needed."""
    several = sum(int(about.get(name, 1)) > 1 for name in ("channels", "slices", "frames")) > 1
    order = str(about.get("order", "czt"))
    return order if several and order.lower() not in _ORDERS else ""


def _is_hyperstack(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, said: str) -> bool:
    """Returns whether a series holds as many planes as ImageJ's text states."""
    page, about = series.keyframe, tif.imagej_metadata or {}
    stated, planes = int(about.get("images", 1)), series.size // series.keyframe.size
    axes = [int(about[name]) for name in ("channels", "slices", "frames") if name in about]
    # a last line without a value is one that was cut off
    whole = "=" in (said.strip("\0\n").splitlines() or ["="])[-1]
    if series.kind != "imagej" or not whole or (axes and math.prod(axes) not in (stated, planes)):
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
