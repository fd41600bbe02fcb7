"""Data weights of one volume of a file, made a box at a time from all that is known of its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.execution.volumes.data_weights import DataWeights


@dataclass(frozen=True, slots=True, eq=False)
class VolumeWeights:
    """Data weights that are 0 in planes that no file holds; boxes are got by slicing.

    Parameters
    ----------
    known : DataWeights
        Weights of the voxels that there are.
    missing : tuple of int
        Planes along z that no file holds.
    """

    known: DataWeights
    missing: tuple[int, ...] = ()

    @property
    def shape(self) -> Shape:
        return self.known.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.known.dtype

    def __getitem__(self, index: Any) -> Volume:
        """Returns the weights of a box as a new array."""
        index = index if isinstance(index, tuple) else (index,)
        box = (*index, *[slice(None)] * (self.ndim - len(index)))
        weights = self.known[box]
        first, last, _ = box[0].indices(self.shape[0])
        weights[[plane - first for plane in self.missing if first <= plane < last]] = 0
        return weights


@dataclass(frozen=True, slots=True, eq=False)
class PlanesThatAreThere:
    """A volume without the planes that no file holds, read by slices: what is known of a camera is known by these.

    Parameters
    ----------
    volume : array_like
        (z, y, x).
    planes : tuple of int
        Planes along z that there are, in ascending order.
    """

    volume: Any
    planes: tuple[int, ...]

    @property
    def shape(self) -> Shape:
        return (len(self.planes), *self.volume.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self.volume.dtype)
        return dtype

    def __getitem__(self, index: Any) -> Volume:
        index = index if isinstance(index, tuple) else (index,)
        taken = [self.volume[(plane, *index[1:])] for plane in self.planes[index[0]]]
        return np.stack(taken) if taken else np.empty((0, *self.volume.shape[1:]), self.dtype)
