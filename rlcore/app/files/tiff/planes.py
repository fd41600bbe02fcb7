"""Planes of a TIFF that cannot be mapped to memory, decoded one by one from files that are opened once."""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.boundary import reading
from rlcore.app.files.layout import Index
from rlcore.app.files.tiff.codecs import naming_imagecodecs
from rlcore.app.files.tiff.stated import is_lacking
from rlcore.app.files.tiff.tifffile_log import refusing_losses
from rlcore.backend import Volume

_OPEN_FILES = 16
"""Most files of one set that are open at once: systems limit them, and planes lie in them one file after another."""


class TiffPlanes:
    """Series of pages in one file or several.

    The files stay open while this object lives: a volume is then decoded without parsing the pages of all others again.

    Parameters
    ----------
    file : str
        The file's role and name in messages.
    tif : tifffile.TiffFile
        The open file, closed with this object.
    series : tifffile.TiffPageSeries
    pages : list
        The pages of the series; None stands for a page that no file has.
    """

    def __init__(self, file: str, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, pages: list[Any]) -> None:
        self._file, self._tif, self._series, self._pages = file, tif, series, pages
        self._others: list[tifffile.TiffFile] = []
        self._close = weakref.finalize(self, _close, tif, self._others)

    @property
    def by_page(self) -> bool:
        """True if each page is one plane, or the samples of one, so that planes can be decoded by themselves."""
        return self._is_of_pages and self._series.keyframe.imagedepth == 1

    @property
    def _is_of_pages(self) -> bool:
        """True if the series is its pages one after the other, be they planes or volumes."""
        shape, page_shape = self._series.shape, tuple(self._series.keyframe.shape)
        lead = len(shape) - len(page_shape)
        return shape[lead:] == page_shape and math.prod(shape[:lead]) == len(self._series)

    def decode(self, index: Index, out: Volume) -> Volume:
        """Decodes the voxels at an index into `out` page by page, so that memory holds one page besides.

        Planes that no file has become zeros.

        Raises
        ------
        InputError
            If a page cannot be decoded; the message names it.
        """
        coded = f"{self._file} has voxels in a code"
        with reading(self._file), refusing_losses(self._file), naming_imagecodecs(coded):
            series = self._series
            page_shape = tuple(series.keyframe.shape)
            lead = len(series.shape) - len(page_shape)
            if not self._is_of_pages:  # tifffile alone knows how the series is put together
                out[...] = series.asarray()[index]
                return out
            numbers = np.arange(len(series)).reshape(series.shape[:lead])[index[:lead]]
            planes = out.reshape(numbers.size, *out.shape[numbers.ndim :])
            for number, plane in zip(np.ravel(numbers), planes, strict=True):
                with reading(self._file, f"at page {number}"), naming_imagecodecs(coded):
                    page = self._pages[number]
                    plane[...] = 0 if is_lacking(page) else self._open(page).asarray()[index[lead:]]
        return out

    def _open(self, page: Any) -> Any:
        """Returns a page whose file is open: tifffile would open and close it for every page."""
        tif = page.parent
        if tif is not self._tif and tif.filehandle.closed:
            if len(self._others) == _OPEN_FILES:
                self._others.pop(0).filehandle.close()
            tif.filehandle.open()
            self._others.append(tif)
        return page


def _close(tif: tifffile.TiffFile, others: list[tifffile.TiffFile]) -> None:
    for other in others:
        other.filehandle.close()
    tif.close()
