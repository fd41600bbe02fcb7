"""One volume of a larger stored array, such as a Zarr: read and written in place by slices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rlcore.app.files.layout import Index
from rlcore.backend import Shape, Volume


class VolumeInArray:
    """A volume at an index of a stored array, with the interface of a chunked array.

    Parameters
    ----------
    array : array_like
        Anything with `shape`, `dtype`, `chunks` and slicing, such as a zarr array.
    index : tuple
        A number along axes that the volume does not extend in, a slice along the others.
    filename : str
        Path of the array; temporary files of a run are created next to it.
    """

    def __init__(self, array: Any, index: Index, filename: str) -> None:
        self._array, self._index, self.filename = array, index, filename
        along = [axis for axis, at in enumerate(index) if isinstance(at, slice)]
        self.shape: Shape = tuple(int(array.shape[axis]) for axis in along)
        self.chunks: Shape = tuple(int(array.chunks[axis]) for axis in along)
        self.dtype = np.dtype(array.dtype)
        # of the whole chunk: it may extend along axes of the array that the volume lacks
        self.chunk_bytes = math.prod(array.chunks) * self.dtype.itemsize

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: tuple[slice, ...]) -> Volume:
        return np.asarray(self._array[self._within(key)])

    def __setitem__(self, key: tuple[slice, ...], value: Any) -> None:
        self._array[self._within(key)] = value

    def _within(self, key: tuple[slice, ...]) -> Index:
        slices = iter(key)
        return tuple(next(slices, slice(None)) if isinstance(at, slice) else at for at in self._index)
