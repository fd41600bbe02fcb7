"""Statistics of an image, taken before anything runs: its range, its mean, and its fitness for use."""

from __future__ import annotations

import hashlib
import math
import operator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from rlcore.backend import Backend, Box, Shape, Summary, Volume, overrides
from rlcore.backend.boxes import pieces
from rlcore.backend.host.memory import processors
from rlcore.errors import InputError
from rlcore.execution.volumes.arguments import is_foreign, refuse_masked
from rlcore.execution.volumes.mapped import is_mapped, release
from rlcore.execution.volumes.scale import LEAST, MOST

_PIECE = 1 << 20
"""Voxels read at a time: few enough to stay small in memory, many enough to be quick."""

_READERS = 4
"""Threads that may hold a piece at once, if pieces have to be brought into memory."""


_OVERFLOW = "image has values so large that their sum overflows; scale it down"


@dataclass(frozen=True, slots=True)
class Statistics:
    """Sums over an image that a run depends on."""

    maximum: float
    """Maximum of the image less its offset, with negative values raised to 0."""
    mean: float
    """Mean of the image less its offset, with negative values raised to 0; by its weights, if it has some."""
    negative: int
    """Number of voxels below the offset."""
    minimum: float = 0.0
    """Minimum of the image less its offset."""
    digest: str = ""
    """SHA-256 of all voxels and their type; empty unless asked for."""


def check_image(image: Any) -> None:
    """Refuse an image that does not have 2 or 3 axes of real numbers.

    Raises
    ------
    InputError
        If it has other axes, no voxels, or another kind of numbers.
    """
    try:
        shape = tuple(map(operator.index, image.shape))
    except TypeError as error:
        raise InputError(f"image of type {type(image).__name__!r} has no shape of whole numbers") from error
    if len(shape) not in (2, 3):
        one = f"; give one volume of it at a time, such as image[{', '.join('0' * (len(shape) - 3))}]"
        raise InputError(
            f"image has {len(shape)} axes, shape {shape}; it must have 2 or 3: (y, x) or (z, y, x)"
            f"{one if len(shape) > 3 else ''}"
        )
    if 0 in shape:
        raise InputError(f"image of shape {shape} is empty; every axis must have at least one voxel")
    if not _is_real(image):
        raise InputError(f"image of dtype {str(image.dtype)!r} cannot be used; convert it to real numbers")


def _is_real(image: Any) -> bool:
    if array_api_compat.is_array_api_obj(image) and not isinstance(image.dtype, np.dtype):
        return bool(array_api_compat.array_namespace(image).isdtype(image.dtype, ("bool", "integral", "real floating")))
    try:
        return np.dtype(image.dtype).kind in "buif"
    except TypeError:
        return False


def measure(image: Any, *, digest: bool = False, offset: float = 0.0, weights: Any = None) -> Statistics:
    """Statistics of anything that can be sliced, in pieces, by all processors; reads every voxel once.

    An array of another array-API library is measured where it is. Voxels of weight 0 count as voxels at the offset.

    Raises
    ------
    InputError
        If voxels are NaN or infinite; the message says how many and where the first is.
    """
    if is_foreign(image) and weights is None:
        return _measure_native(image, digest=digest, offset=offset)
    voxels, image = image, _Voxels(image, offset, weights)
    boxes = list(pieces(tuple(voxels.shape), chunks_of(voxels), _PIECE))
    in_memory = isinstance(voxels, np.ndarray) and not is_mapped(voxels)
    with ThreadPoolExecutor(processors() if in_memory else min(processors(), _READERS)) as pool:
        summaries, counting = zip(*pool.map(image.summary, boxes), strict=True)
    total = math.fsum(each.total for each in summaries)
    if not math.isfinite(total):
        _refuse_not_finite(image, boxes)
    negative = 0
    minimum = min(each.minimum for each in summaries)
    if minimum < 0:
        counts = [image.below_zero(box) for box, each in zip(boxes, summaries, strict=True) if each.minimum < 0]
        negative = sum(count for count, _ in counts)
        # not the total less what is below 0, which loses the light beside a value far below 0
        total = math.fsum([*(each.total for each in summaries if each.minimum >= 0), *(light for _, light in counts)])
    maximum = max(0.0, *(each.maximum for each in summaries))
    mean = total / (math.fsum(counting) or 1.0)
    return Statistics(maximum, mean, negative, minimum, digest_of(voxels) if digest else "")


def measure_on_device(backend: Backend[Any], array: Any, image: Any, offset: float = 0.0) -> Statistics:
    """Statistics of an image of which `array` is a copy on the device, by the device where that is quicker.

    The offset has been taken off the copy already.

    If the device finds negative or unusable voxels, the host measures the image again, to name them; also if the copy
    may have lost values that single precision does not hold.
    """
    if not measures_on_device(backend):
        return measure(image, offset=offset)
    summary = backend.summary(array)
    if not math.isfinite(summary.total) or summary.minimum < 0 or not LEAST <= summary.maximum <= MOST:
        return measure(image, offset=offset)
    return Statistics(summary.maximum, summary.total / math.prod(image.shape), 0)


def measures_on_device(backend: Backend[Any]) -> bool:
    """True if an image is measured faster once it is on the device."""
    return overrides(backend, "summary") and not backend.facts.on_host


def digest_of(image: Any) -> str:
    """SHA-256 of all voxels of anything that can be sliced, of its shape and its dtype."""
    sha = hashlib.sha256(f"{tuple(image.shape)} {image.dtype}".encode())
    native = not isinstance(image, np.ndarray) and array_api_compat.is_array_api_obj(image)
    for box in pieces(tuple(image.shape), chunks_of(image), _PIECE):
        part = image[box.slices((0,) * len(box.start))]
        sha.update(np.ascontiguousarray(np.from_dlpack(_to_cpu(part)) if native else part).data)
        release(image)
    return sha.hexdigest()


def _to_cpu(array: Any) -> Any:
    """An array of an array-API library, in host memory."""
    try:
        return array_api_compat.to_device(array, "cpu")
    except ValueError:  # a library may call the host by another name
        return array


def _measure_native(image: Any, *, digest: bool, offset: float) -> Statistics:
    """Statistics by the array's own library, on its own device."""
    voxels, xp = image, array_api_compat.array_namespace(image)
    image = xp.astype(image, xp.uint8) if xp.isdtype(image.dtype, "bool") else image
    finite = xp.isfinite(image)
    if not bool(xp.all(finite)):
        first = np.unravel_index(int(xp.argmin(xp.reshape(xp.astype(finite, xp.int8), (-1,)))), tuple(image.shape))
        raise _not_finite(int(xp.count_nonzero(~finite)), tuple(map(int, first)))
    if offset:
        image = xp.astype(image, xp.float32) - offset
    below = image < 0
    clipped = xp.where(below, xp.zeros_like(image), image)
    mean = float(xp.sum(clipped, dtype=xp.float64)) / math.prod(image.shape)
    if not math.isfinite(mean):
        raise InputError(_OVERFLOW)
    maximum, minimum = float(xp.max(image)), float(xp.min(image))
    negative = int(xp.count_nonzero(below))
    return Statistics(max(0.0, maximum), mean, negative, minimum, digest_of(voxels) if digest else "")


def chunks_of(array: Any) -> Shape:
    """Shape of the chunks in which an array is stored; 1 voxel if it has none."""
    chunks = getattr(array, "chunks", None) or (1,) * len(array.shape)
    return tuple(max(each) if isinstance(each, tuple) else each for each in chunks)  # dask lists the lengths of all


@dataclass(frozen=True, slots=True, eq=False)
class _Voxels:
    """An image less its offset, with 0 for voxels of weight 0, read a box at a time."""

    image: Any
    offset: float
    weights: Any

    def of(self, box: Box) -> tuple[Volume, Any]:
        """The voxels of a box, and their weights, 1 if there are none."""
        part = box.slices((0,) * len(box.start))
        values = self.image[part]
        refuse_masked(values, "image")
        values = np.asarray(_to_cpu(values) if is_foreign(values) else values)
        if self.offset:
            values = np.subtract(values, self.offset, dtype=np.float32 if values.dtype.itemsize <= 2 else np.float64)
        if self.weights is None:
            return values, 1
        weights = np.asarray(self.weights[part])
        return np.where(weights > 0, values, 0), weights

    def summary(self, box: Box) -> tuple[Summary, float]:
        """Range and sum of a box, and the sum of its weights: the number of its voxels if they are 1."""
        values, weights = self.of(box)
        with np.errstate(invalid="ignore", over="ignore"):
            total = (values if self.weights is None else values * weights).sum(dtype=np.float64)
            summary = Summary(float(values.min()), float(values.max()), float(total))
        release(self.image)
        return summary, float(box.size if self.weights is None else weights.sum(dtype=np.float64))

    def below_zero(self, box: Box) -> tuple[int, float]:
        """The number of voxels below 0, and the sum of the others."""
        values, weights = self.of(box)
        lit = values >= 0
        light = (values * weights)[lit] if self.weights is not None else values[lit]
        release(self.image)
        return int(values.size - lit.sum()), float(light.sum(dtype=np.float64))


def _refuse_not_finite(image: _Voxels, boxes: list[Box]) -> None:
    count, first = 0, None
    for box in boxes:
        where = np.argwhere(~np.isfinite(image.of(box)[0]))
        if len(where):
            here = tuple(int(i) + start for i, start in zip(where[0], box.start, strict=True))
            first = here if first is None else min(first, here)
        count += len(where)
    if first is not None:
        raise _not_finite(count, first)
    raise InputError(_OVERFLOW)


def _not_finite(count: int, first: tuple[int, ...]) -> InputError:
    return InputError(
        f"image has {count} voxels that are NaN or infinite, the first at {first}; replace them before deconvolving"
    )
