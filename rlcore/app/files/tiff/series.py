"""Series of a TIFF's pages, compared with the planes that the file's metadata state."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import tifffile

from rlcore.app.files.ome.planes import check_ome
from rlcore.app.files.tiff.page import PageKind
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


def say_left_out(file: str, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Warns of pages behind those that ImageJ's text states."""
    more = len(tif.pages) - len(series)
    if series.kind == "imagej" and more > 0 and len(tif.pages) > 1:
        caution(
            f"{file} has {more} more {'page' if more == 1 else 'pages'} than the {len(series)} that ImageJ's text "
            "states, and is restored without",
            ImageWarning,
        )


def check_series(
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
