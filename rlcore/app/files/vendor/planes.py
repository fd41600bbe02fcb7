"""Planes of a vendor's file, read one after the other into a volume."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from rlcore.app.files.boundary import reading
from rlcore.app.files.layout import Index
from rlcore.app.files.vendor.contained import contained
from rlcore.backend import Volume


class VendorPlanes:
    """Voxels of an image that a reader of BioIO opens.

    Parameters
    ----------
    file : str
        The file's role and name in messages.
    array : dask.array.Array
        Voxels along the axes of the file, which are read when they are asked for.
    """

    def __init__(self, file: str, array: Any) -> None:
        self._file, self._array = file, array

    @property
    def by_page(self) -> bool:
        """True if planes are read one by one."""
        return all(max(sizes) == 1 for sizes in self._array.chunks[:-2])

    def decode(self, index: Index, out: Volume) -> Volume:
        """Reads the voxels at an index into `out` chunk by chunk, so that memory holds one chunk besides.

        Raises
        ------
        InputError
            If a chunk cannot be read, or is not as the reader has stated; the message names its first plane.
        """
        volume = self._array[index]
        # most readers have chunks of one plane
        ends = [0, *accumulate(volume.chunks[0] if volume.ndim == 3 else volume.shape[:1])]
        for begin, end in pairwise(ends):
            part = slice(begin, end)
            with reading(self._file, f"at plane {begin}" if volume.ndim == 3 else ""):
                with contained():
                    # by this thread: readers are not made for several at once
                    values = np.asarray(volume[part].compute(scheduler="synchronous"))
                if values.shape != out[part].shape:
                    raise ValueError(f"its reader gives voxels of shape {values.shape}, and not {out[part].shape}")
                np.copyto(out[part], values, casting="safe")
        return out
