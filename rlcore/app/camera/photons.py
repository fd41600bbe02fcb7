"""A result in photons: what is written is divided by the gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape
from rlcore.execution.volumes.mapped import release

_PIECE = 1 << 20
"""Voxels that are divided at a time, unless a plane has more."""

_OF_STORAGE = frozenset({"chunks", "store", "path", "filename", "flush", "read_only"})
"""Attributes by which the library knows where an array is kept, and how it is best written."""


@dataclass(frozen=True, slots=True, eq=False)
class InPhotons:
    """An array that takes a result in the image's units, and keeps it in photons.

    Parameters
    ----------
    out : array_like
        Anything with `shape`, `dtype` and slice assignment.
    gain : float
        Image units per photon.
    """

    out: Any
    gain: float

    @property
    def shape(self) -> Shape:
        return tuple(map(int, self.out.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self.out.dtype)
        return dtype

    def __setitem__(self, index: tuple[slice, ...], values: Any) -> None:
        """Writes a box: whole where the array has chunks, else by parts, so that no second block is in memory."""
        gain = np.float32(self.gain)
        if getattr(self.out, "chunks", None) is not None:
            self.out[index] = np.divide(values, gain, dtype=self.dtype)
            return
        first, rows = index[0].indices(self.shape[0])[0], max(1, _PIECE // values[0].size)
        for at in range(0, len(values), rows):
            part = values[at : at + rows]
            box = (slice(first + at, first + at + len(part)), *index[1:])
            self.out[box] = np.divide(part, gain, dtype=self.dtype)
            release(self.out)

    def __getattr__(self, name: str) -> Any:
        if name in _OF_STORAGE:
            return getattr(self.out, name)
        raise AttributeError(name)
