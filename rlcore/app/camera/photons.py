"""A result in photons: what is written is divided by the gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape
from rlcore.execution.volumes.mapped import release

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

    def __setitem__(self, index: Any, values: Any) -> None:
        # in double precision, so that each voxel is rounded once
        self.out[index] = (np.asarray(values) / np.float64(self.gain)).astype(self.dtype)
        release(self.out)

    def __getattr__(self, name: str) -> Any:
        if name in _OF_STORAGE:
            return getattr(self.out, name)
        raise AttributeError(name)
