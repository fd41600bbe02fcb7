"""Reader for TIFF (plain, ImageJ, OME, BigTIFF): mapped to memory if possible, else decoded volume by volume."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.images import ImageEntry, choose_image
from rlcore.app.files.layout import Layout, Pick, lay_out
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.voxel_values import Line, calibration, check_colours
from rlcore.app.files.missing_planes import MissingPlanes, find_missing
from rlcore.app.files.ome.planes import absent_files, check_files, damaged_beside
from rlcore.app.files.ome.text import open_with_ome
from rlcore.app.files.tiff.codecs import check_codec
from rlcore.app.files.tiff.description import describe, says_nothing_of_channels
from rlcore.app.files.tiff.images import images_of, say_joined, with_first
from rlcore.app.files.tiff.page import BeyondEnd, PageKind
from rlcore.app.files.tiff.planes import TiffPlanes
from rlcore.app.files.tiff.series import check_series, say_left_out
from rlcore.app.files.tiff.stated import is_lacking, parsed_once, stated_series
from rlcore.app.files.tiff.storage import storage_of
from rlcore.app.files.tiff.structure import check_structure
from rlcore.app.files.tiff.tifffile_log import HeldMessages, holding_messages
from rlcore.backend import Volume
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning


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
        say_left_out(file, tif, series)
        pages = parsed_once(series)
        picked = pick.image is not None and len(found.entries) > 1
        check_series(path, file, tif, series, pages, [] if picked else kinds, xml)
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


def _cause(file: str, cut: BeyondEnd | None) -> str:
    """Returns what is cut short, without the file and the remedy."""
    return "" if cut is None else str(cut).removeprefix(file).rpartition("; ")[0]


def _mapped(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Volume | None:
    """Maps the voxels to memory; returns None if they are compressed, tiled or scattered."""
    if series.dataoffset is None or series.dtype is None:
        return None
    dtype = np.dtype(tif.byteorder + series.dtype.char)
    return np.memmap(path, dtype, "r", series.dataoffset, series.shape)
