"""Series of a TIFF as its metadata state it, with None for every page that the file does not hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tifffile


def stated_series(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, whole: Mapping[str, int], size: int
) -> tifffile.TiffPageSeries:
    """Returns a series with as many pages as its metadata state.

    tifffile takes a stack of ImageJ's or of its own that was stopped for one of other axes, or for a whole one.

    Parameters
    ----------
    tif : tifffile.TiffFile
    series : tifffile.TiffPageSeries
        One of its series.
    whole : mapping
        Number of pages that lie within each file of the series, by its name; those behind are cut short.
    size : int
        Bytes of the first file.
    """
    pages: Sequence[Any]
    if len(series.keyframe.treeindex) > 1:
        return series  # beside another page, of which it is a part
    if tif.is_imagej or tif.is_shaped:
        stated = _stated_by_imagej(tif) if tif.is_imagej else _stated_by_shape(series)
        if stated is None:
            return series
        axes, shape = stated
        planes, page = math.prod(shape) // series.keyframe.size, series.keyframe
        pages = _held(tif, page, planes, whole[tif.filename], size)
        kind = "imagej" if tif.is_imagej else "shaped"
        if len(pages) == planes or (len(pages) > planes and len(series) <= planes):
            return series
        pages = pages[:planes]
    else:
        pages = [None if page is None or page.index >= whole[page.parent.filename] else page for page in series]
        if None not in pages or series.kind != "ome":
            return series
        axes, shape, kind, planes = series.axes, series.shape, series.kind, len(pages)
    pages = [*pages, *[None] * (planes - len(pages))]
    return tifffile.TiffPageSeries(pages, shape, series.dtype, axes, kind=kind)


def parsed_once(series: tifffile.TiffPageSeries) -> list[Any]:
    """Returns the pages of a series, which tifffile may parse again whenever one is asked for.

    A page like the first one keeps no more than where its voxels are.
    """
    pages: list[Any] = []
    for page in series:
        first = series.keyframe
        if isinstance(page, tifffile.TiffPage) and page is not first and page.hash == first.hash:
            frame = tifffile.TiffFrame(
                page.parent, page.index, offset=page.offset, keyframe=first,
                dataoffsets=page.dataoffsets, databytecounts=page.databytecounts,
            )  # fmt: skip
            pages.append(frame)
        else:
            pages.append(page)
    return pages


def is_lacking(page: Any) -> bool:
    """Returns whether nothing was recorded for a page, or for a part of it: segments of no bytes stand for zeros."""
    return page is None or not all(page.databytecounts) or not all(page.dataoffsets)


def _stated_by_imagej(tif: tifffile.TiffFile) -> tuple[str, tuple[int, ...]] | None:
    """Returns the axes and the shape that ImageJ's text states; None if its numbers contradict each other."""
    about, page = tif.imagej_metadata or {}, tif.pages.first
    sizes = tuple(int(about.get(name, 1)) for name in ("frames", "slices", "channels"))
    planes = math.prod(sizes)
    if about.get("order", "czt").lower() not in ("czt", "default") or page.samplesperpixel != 1 or page.ndim != 2:
        return None
    return ("TZCYX", (*sizes, *page.shape)) if min(sizes) > 0 and planes == int(about.get("images", planes)) else None


def _stated_by_shape(series: tifffile.TiffPageSeries) -> tuple[str, tuple[int, ...]] | None:
    """Returns the axes and the shape of a series of tifffile's own format."""
    return (series.axes, series.shape) if series.kind == "shaped" else None


def _held(tif: tifffile.TiffFile, page: tifffile.TiffPage, planes: int, whole: int, size: int) -> Sequence[Any]:
    """Returns the pages that a file holds: each with tags of its own, or the first with the voxels of all others."""
    at = page.index
    own = min(len(tif.pages), whole) - at
    if own >= planes or not page.is_final or not page.dataoffsets:
        return tif.pages[at : at + own]
    first, end = page.dataoffsets[0], size
    if own > 1:
        end = min(to for to in (tif.pages[at + 1].offset, tif.pages[at + 1].dataoffsets[0]) if to > first)
        # voxels of a page with tags of its own follow at once, or behind those tags
        if end < first + planes * page.nbytes:
            return tif.pages[at : at + own]
    held = min(planes, (end - first) // page.nbytes)
    return [page, *(_frame(page, n, (first + n * page.nbytes,)) for n in range(1, held))]


def _frame(keyframe: tifffile.TiffPage, number: int, offsets: tuple[int, ...]) -> tifffile.TiffFrame:
    """Returns a page without tags of its own, whose voxels lie in one piece."""
    sizes = (keyframe.nbytes,)
    return tifffile.TiffFrame(keyframe.parent, number, keyframe=keyframe, dataoffsets=offsets, databytecounts=sizes)
