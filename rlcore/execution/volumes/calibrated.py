"""An image with the maps of a camera taken out of it: the dark frame subtracted, and uneven gain divided out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """``(image - offset) / relative_gain``, with 0 for voxels that are NaN or infinite; boxes are got by slicing.

    Nothing is kept: each box is computed when it is read, so that no other volume is in memory.
    """

    shape: Shape
    dtype: np.dtype[Any]
    voxels: Callable[[tuple[slice, ...]], Volume]
    """Gives a box of the image in host memory."""
    offset: Any = 0.0
    """A number, or an array of the image's shape or of its last two axes."""
    relative_gain: Any = 1.0
    """Gain over its mean, likewise."""

    def __getitem__(self, index: slice | tuple[slice, ...]) -> Volume:
        """A box of the image, as a new array."""
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, *[slice(None)] * (len(self.shape) - len(index)))
        box = tuple(slice(*part.indices(n)) for part, n in zip(index, self.shape, strict=True))
        with np.errstate(invalid="ignore", over="ignore"):
            values: Volume = self.voxels(box).astype(np.float64) - _part(self.offset, box)
            values /= _part(self.relative_gain, box)
            values[~np.isfinite(values)] = 0.0
        calibrated: Volume = values.astype(self.dtype)
        return calibrated


def precision_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of a calibrated image: single precision where it holds every value of this type."""
    return np.dtype(np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64)


def _part(array: Any, box: tuple[slice, ...]) -> Any:
    """The box of an array of the image's shape or of its last two axes; a number as it is."""
    return array if np.ndim(array) == 0 else np.asarray(array)[box[-np.ndim(array) :]]
