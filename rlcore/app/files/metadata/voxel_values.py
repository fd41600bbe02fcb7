"""What the stored numbers of a TIFF mean: calibrated ones are converted, and those that are no intensities refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.layout import Pick
from rlcore.backend import Shape, Volume
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning

_STRAIGHT, _NO_FUNCTION = 0, 20
_PHOTOMETRIC: dict[int, str] = {
    tifffile.PHOTOMETRIC.CFA: "a mosaic of colours, of which neighbouring voxels have different ones",
    tifffile.PHOTOMETRIC.SEPARATED: "amounts of ink",
    tifffile.PHOTOMETRIC.CIELAB: "colours as L*a*b*",
    tifffile.PHOTOMETRIC.ICCLAB: "colours as L*a*b*",
    tifffile.PHOTOMETRIC.ITULAB: "colours as L*a*b*",
    tifffile.PHOTOMETRIC.LOGL: "logarithms of intensities",
    tifffile.PHOTOMETRIC.LOGLUV: "logarithms of intensities",
}
_COLOURS = (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
_ANY_TABLE = ("generic", "uniform", "shaped", "ome")
"""Kinds of series whose tables may be of any colours."""

_ALPHA = (1, 2)
"""Kinds of extra samples that are opacity."""


@dataclass(frozen=True, slots=True)
class Line:
    """A calibration: an intensity is the stored number times `slope`, plus `offset`."""

    offset: float
    slope: float
    dtype: np.dtype[Any]

    def apply(self, values: Volume) -> Volume:
        # in double precision, which has all numbers of 32 bits
        return (values.astype(np.float64) * self.slope + self.offset).astype(self.dtype)


class CalibratedVolume:
    """A volume whose voxels are calibrated as they are read, slice by slice."""

    def __init__(self, volume: Any, line: Line) -> None:
        self._volume, self._line = volume, line
        self.shape: Shape = tuple(volume.shape)
        self.ndim, self.dtype = len(self.shape), line.dtype
        self.filename = getattr(volume, "filename", None)

    def __getitem__(self, key: Any) -> Volume:
        return self._line.apply(np.asarray(self._volume[key]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Volume:
        values = self._line.apply(np.asarray(self._volume))
        return values if dtype is None else values.astype(dtype, copy=False)


def calibration(entries: Mapping[str, Any], dtype: np.dtype[Any], file: str) -> Line | None:
    """Returns the calibration that ImageJ's text states; None if stored numbers are the intensities.

    Raises
    ------
    InputError
        If it is no straight line.
    """
    function = entries.get("cf", _NO_FUNCTION)
    # ImageJ ignores a function without two numbers
    if function == _NO_FUNCTION or (function == _STRAIGHT and not {"c0", "c1"} <= entries.keys()):
        return None
    remedy = "in ImageJ convert it to 32 bit, or remove the calibration by Analyze > Calibrate"
    if function != _STRAIGHT or isinstance(function, bool):
        raise InputError(f"{file} has voxels calibrated by ImageJ's function {function!r}, which is not read; {remedy}")
    numbers = [_number(entries[name]) for name in ("c0", "c1")]
    if not all(map(math.isfinite, numbers)) or not numbers[1]:
        said = f"{entries['c0']!r} and {entries['c1']!r}"
        raise InputError(f"{file} has voxels calibrated by the numbers {said}, which are no straight line; {remedy}")
    # ImageJ adds this to signed voxels as it reads them
    shift = 32768 if dtype == np.int16 else 0
    offset, slope = numbers[0] + numbers[1] * shift, numbers[1]
    if (offset, slope) == (0, 1):
        return None
    caution(f"{file} has calibrated voxels, read as ImageJ shows them: {offset:g} + {slope:g} x", ImageWarning)
    return Line(offset, slope, np.dtype(np.float32 if dtype.itemsize < 4 else np.float64))


def _number(text: Any) -> float:
    try:
        return float(str(text).strip().replace(",", "."))
    except ValueError:
        return math.nan


def check_colours(series: tifffile.TiffPageSeries, file: str, pick: Pick) -> None:
    """Warns of voxels that may be no intensities, and refuses those that are none.

    Raises
    ------
    InputError
        If they are numbers of colours, opacity, or in another way no intensities.
    """
    page = series.keyframe
    kind = page.photometric
    if kind in _PHOTOMETRIC:
        raise InputError(f"{file} holds {_PHOTOMETRIC[kind]}; save its intensities as a file")
    if kind in _COLOURS and "S" in series.axes:  # some makers store channels as such
        if pick.channel is None and page.samplesperpixel > 3 and set(page.extrasamples) & set(_ALPHA):
            raise InputError(f"{file} has opacity beside red, green and blue; leave it out by --channel 0:3")
        caution(f"{file} has red, green and blue, which are restored as channels", ImageWarning)
    # ImageJ and microscopes store intensities whatever table shows them; other files do if it becomes ever brighter
    if kind == tifffile.PHOTOMETRIC.PALETTE and series.kind in _ANY_TABLE:
        if not _is_ramp(page.colormap):
            raise InputError(f"{file} holds numbers of colours in a table; save its intensities as a file")
        caution(f"{file} has a table of colours, of which its result has none", ImageWarning)
    if kind == tifffile.PHOTOMETRIC.MINISWHITE:
        caution(
            f"{file} shows its smallest values as white, and so does its result; if these are the bright ones, invert "
            "its voxels first",
            ImageWarning,
        )


def _is_ramp(table: np.ndarray | None) -> bool:
    """Returns whether larger numbers stand for colours that are brighter."""
    if table is None:
        return False
    bright = np.array([0.299, 0.587, 0.114]) @ table.astype(float)
    return bool((np.diff(bright) >= 0).all() and bright[-1] > bright[0])


def look_up_table(page: tifffile.TiffPage) -> list[np.ndarray]:
    """Returns the table of colours of a page in ImageJ's form; none for others than 8 bit."""
    table = page.colormap if page.photometric == tifffile.PHOTOMETRIC.PALETTE else None
    return [] if table is None or table.shape != (3, 256) else [(table >> 8).astype(np.uint8)]
