"""Data weights: how much each voxel of an image counts, from 0 for one that has told nothing of the light.

They are read of wherever they lie, a box at a time, since an array of them would be another volume in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError
from rlcore.execution.volumes.arguments import plain
from rlcore.execution.volumes.slicing import box_of, of_planes
from rlcore.execution.volumes.statistics import check_image, measure


@dataclass(frozen=True, slots=True, eq=False)
class DataWeights:
    """The product of all that is known of the voxels of an image; boxes of it are got by slicing.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image.
    given : array_like, optional
        The caller's weights: of the image's shape, or of its last two axes, for all planes alike.
    bad : array_like of bool, optional
        Voxels that are no data, of the image's shape or of its last two axes.
    limit : float, optional
        Voxels of this value or more are saturated, and no data.
    finite : bool, default False
        Voxels that are NaN or infinite are no data.
    voxels : callable, optional
        Gives a box of the image in host memory; needed with `limit` and `finite`.
    missing : tuple of int
        Planes along the first axis that are no data.
    """

    shape: Shape
    given: Any = None
    bad: Any = None
    limit: float | None = None
    finite: bool = False
    voxels: Callable[[tuple[slice, ...]], Volume] | None = None
    missing: tuple[int, ...] = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes, unless the caller's weights have other values than 0 and 1."""
        return np.dtype(np.uint8 if self.given is None or self.given.dtype == np.bool_ else np.float32)

    def __getitem__(self, index: Any) -> Volume:
        """The weights of a box, as a new array."""
        box = box_of(index, self.shape)
        shape = tuple(part.stop - part.start for part in box)
        one = np.ones((1,) * len(shape), self.dtype)
        one = one if self.given is None else one * of_planes(self.given, box)
        one = one if self.bad is None else one * ~of_planes(self.bad, box)
        weights: Volume = np.array(np.broadcast_to(one, shape), self.dtype)
        if self.voxels is not None and (self.finite or self.limit is not None):
            weights[~self._usable(self.voxels(box))] = 0
        first, last = box[0].start, box[0].stop
        weights[[plane - first for plane in self.missing if first <= plane < last]] = 0
        return weights

    def _usable(self, values: Volume) -> npt.NDArray[np.bool_]:
        usable: npt.NDArray[np.bool_] = np.isfinite(values) if self.finite else np.ones(values.shape, bool)
        return usable if self.limit is None else usable & ~(values >= self.limit)


def check_weights(given: Any, shape: Shape) -> Any:
    """The caller's weights, checked: of the image's shape or of its last two axes, finite, and not negative.

    Raises
    ------
    InputError
        If they are not, or if no voxel would count.
    """
    weights = plain(given, "weights")
    if tuple(weights.shape) not in (shape, shape[-2:]):
        raise InputError(
            f"weights have shape {tuple(weights.shape)}; give one for each voxel of the image, {shape}, or for each of "
            f"a plane, {shape[-2:]}"
        )
    try:
        check_image(weights)
        statistics = measure(weights)
    except InputError as error:
        raise InputError(f"weights{str(error).removeprefix('image')}") from error
    if statistics.negative:
        raise InputError(f"weights have {statistics.negative} values below 0; give 0 where a voxel is not to count")
    if statistics.maximum == 0:
        raise InputError("weights are 0 throughout, so that no voxel would count; give some above 0")
    return weights
