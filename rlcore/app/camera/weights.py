"""A volume without the planes that no file holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume


@dataclass(frozen=True, slots=True, eq=False)
class PlanesThatAreThere:
    """The planes that there are of a volume, read by slices: what is known of a camera is known by these.

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
