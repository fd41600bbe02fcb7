"""One volume of a larger stored array, such as a Zarr: read and written in place by slices."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from rlcore.app.files.boundary import reading
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
    file : str, optional
        The file's role and name in messages; its path by default.
    """

    def __init__(self, array: Any, index: Index, filename: str, file: str = "") -> None:
        self._array, self._index, self.filename = array, index, filename
        self._file = file or repr(filename)
        along = [axis for axis, at in enumerate(index) if isinstance(at, slice)]
        self.shape: Shape = tuple(int(array.shape[axis]) for axis in along)
        self.chunks: Shape = tuple(int(array.chunks[axis]) for axis in along)
        self.dtype = np.dtype(array.dtype)
        # of the whole chunk: it may extend along axes of the array that the volume lacks
        self.chunk_bytes = math.prod(array.chunks) * self.dtype.itemsize

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: slice | tuple[slice, ...]) -> Volume:
        within = self._within(key)
        try:
            return np.asarray(self._array[within])
        except Exception:  # noqa: BLE001 - damaged content leads libraries to any error, see boundary.py
            # the library names no chunk, so the one that fails is looked for
            self._refuse(within)
        # every chunk could be read now: the network had failed
        with reading(self._file):
            return np.asarray(self._array[within])

    def _refuse(self, within: Index) -> None:
        """Raises InputError that names the first chunk of a region that cannot be read."""
        spans = [range(at, at + 1) if isinstance(at, int) else range(size)[at] for at, size in self._sizes(within)]
        chunks = [
            range(span.start // size, (max(span.stop, span.start + 1) - 1) // size + 1)
            for span, size in zip(spans, self._array.chunks, strict=True)
        ]
        for chunk in itertools.product(*chunks):
            begin = [number * size for number, size in zip(chunk, self._array.chunks, strict=True)]
            # one voxel is enough: chunks are decoded whole
            with reading(self._file, f"at chunk {'/'.join(map(str, chunk))}"):
                self._array[tuple(slice(at, at + 1) for at in begin)]

    def _sizes(self, within: Index) -> list[tuple[int | slice, int]]:
        return list(zip(within, map(int, self._array.shape), strict=True))

    def __setitem__(self, key: tuple[slice, ...], value: Any) -> None:
        self._array[self._within(key)] = value

    def _within(self, key: slice | tuple[slice, ...]) -> Index:
        slices = iter(key if isinstance(key, tuple) else (key,))
        return tuple(next(slices, slice(None)) if isinstance(at, slice) else at for at in self._index)
