"""RedLionfish's functions that prepare arrays: sizes, origins, types and a Gaussian."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Volume
from rlcore.compat.redlionfish.plain_iterations import checked_shape, checked_volume
from rlcore.errors import InputError


def change3DSizeTo(data: npt.ArrayLike, shape: Sequence[int]) -> Volume:
    """Cut a volume to a shape, or surround it with zeros, about its middle."""
    volume, wanted = checked_volume(data, "data"), checked_shape(shape)
    # rounded towards zero, as RedLionfish does: it decides where the middle of an odd difference lies
    return _placed(volume, wanted, [int((new - old) / 2) for new, old in zip(wanted, volume.shape, strict=True)])


def change3DSizeTo_KeepOrigin(data: npt.ArrayLike, shape: Sequence[int]) -> Volume:
    """Cut a volume to a shape, or follow it with zeros; voxel (0, 0, 0) stays where it is."""
    return _placed(checked_volume(data, "data"), checked_shape(shape), [0, 0, 0])


def circulify3D(data3D: npt.ArrayLike) -> Volume:
    """Move the middle of a volume, voxel n//2 along each axis, to voxel 0, round the edges."""
    volume = checked_volume(data3D, "data3D")
    return np.roll(volume, [-(length // 2) for length in volume.shape], axis=(0, 1, 2))


def convertToFloat32AndNormalise(
    data: npt.ArrayLike | None, normaliseType: str | None = None, bResetZero: bool = False
) -> Any:
    """Convert an array to float32, and scale it.

    Parameters
    ----------
    data : array_like or None
        None is returned as it is.
    normaliseType : {None, "max", "sum"}
        What is to be 1 afterwards: nothing, the maximum, or the sum. An array in which it is 0 is not scaled.
    bResetZero : bool
        Subtract the minimum first.
    """
    if data is None:
        return None  # as RedLionfish's, so that the result of a failed call can be passed on
    if normaliseType not in (None, "max", "sum"):
        raise InputError(f"normaliseType {normaliseType!r} is not known; choose 'max', 'sum' or None")
    array: Volume = np.array(data, np.float32)
    if bResetZero:
        array -= array.min()
    if normaliseType is not None:
        divisor = array.max() if normaliseType == "max" else array.sum()
        array = array / divisor if divisor else array
    return array


def convertToUint8AndFullRange(data: npt.ArrayLike | None) -> Any:
    """Scale an array so that its minimum is 0 and its maximum 255, fractions cut off; None is returned as it is."""
    scaled = convertToFloat32AndNormalise(data, "max", bResetZero=True)
    return None if scaled is None else (scaled * 255).astype(np.uint8)


def generateGaussPSF(shape: Sequence[int], sigma: float = 10) -> Volume:
    """Make a Gaussian about voxel n//2 of each axis, of height 1 / (sigma sqrt(2 pi)), in float32."""
    lines = [np.arange(length, dtype=np.float32) - length // 2 for length in checked_shape(shape)]
    z, y, x = np.meshgrid(*lines, indexing="ij", sparse=True)
    gaussian: Volume = np.exp(-(z**2 + y**2 + x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    return gaussian.astype(np.float32)


def _placed(volume: Volume, shape: tuple[int, ...], offsets: Sequence[int]) -> Volume:
    """Returns zeros of a shape with a volume at these offsets, of which negative ones cut."""
    target: npt.NDArray[Any] = np.zeros(shape, volume.dtype)
    to, taken = [], []
    for offset, new, old in zip(offsets, shape, volume.shape, strict=True):
        length = min(new, old)
        to.append(slice(max(offset, 0), max(offset, 0) + length))
        taken.append(slice(max(-offset, 0), max(-offset, 0) + length))
    target[tuple(to)] = volume[tuple(taken)]
    return target
