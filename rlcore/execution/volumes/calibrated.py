"""An image with the maps of a camera taken out of it: the dark frame subtracted, and uneven gain divided out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.execution.volumes.slicing import box_of, of_planes


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

    @classmethod
    def of(cls, image: Any, voxels: Callable[[tuple[slice, ...]], Volume], offset: Any, gain: Any) -> Calibrated:
        """The image without an offset and an uneven gain, each a number or a map; of the gain only its shape counts."""
        shape, dtype = tuple(map(int, image.shape)), precision_of(np.dtype(image.dtype))
        return cls(shape, dtype, voxels, offset, relative_gain(gain))

    def __getitem__(self, index: Any) -> Volume:
        """A box of the image, as a new array."""
        box = box_of(index, self.shape)
        with np.errstate(invalid="ignore", over="ignore"):
            values: Volume = self.voxels(box).astype(np.float64) - of_planes(self.offset, box)
            values /= of_planes(self.relative_gain, box)
            values[~np.isfinite(values)] = 0.0
        calibrated: Volume = values.astype(self.dtype)
        return calibrated


def relative_gain(gain: Any) -> Any:
    """A map of the gain over its mean; 1 for a number, which is the same everywhere."""
    return gain / np.mean(gain, dtype=np.float64) if np.ndim(gain) else 1.0


def precision_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of a calibrated image: single precision where it holds every value of this type."""
    return np.dtype(np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64)
