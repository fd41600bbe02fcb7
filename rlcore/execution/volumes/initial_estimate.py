"""The initial estimate of a run: a constant, the image, or an estimate of the caller's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.algorithm.boundary import Geometry
from rlcore.backend import Backend, Box, Shape, Volume, runs
from rlcore.backend.boxes import Block
from rlcore.errors import InputError
from rlcore.execution.volumes.arguments import is_foreign, plain, refuse_masked
from rlcore.execution.volumes.image import Image
from rlcore.execution.volumes.mapped import release
from rlcore.execution.volumes.statistics import check_image, measure
from rlcore.execution.volumes.stores import ConstantStore, DeviceStore, Store

STARTS = "constant", "image"
MINIMUM_BRIGHTNESS, MAXIMUM_BRIGHTNESS = 1e-6, 1e3
"""Bounds for the mean of a start over the image's: beyond them a first step does not keep four digits."""

MINIMUM_START = 0.01
"""Smallest value of a start from the image, as a share of its mean: a voxel of 0 stays 0, since steps are factors."""


@dataclass(frozen=True, slots=True, eq=False)
class InitialEstimate:
    """The caller's choice of a start, checked."""

    start: Any
    """A name of `STARTS`, or an array of the image's shape."""
    identity: str
    """The name, or the digest of the array if that was asked for."""
    mean: float | None = None
    """The mean of the array; None for a name."""

    @classmethod
    def of(cls, start: Any, shape: Shape, *, digest: bool) -> InitialEstimate:
        """The start for an image of this shape.

        Raises
        ------
        InputError
            If it is unknown, of another shape, negative, or holds no light.
        """
        if isinstance(start, str):
            if start not in STARTS:
                raise InputError(f"start {start!r} is unknown; choose 'constant' or 'image', or give an array")
            return cls(start, start)
        start = plain(start, "start")
        if tuple(start.shape) != shape:
            raise InputError(f"start has shape {tuple(start.shape)}; it must have the image's, {shape}")
        try:
            check_image(start)
            statistics = measure(start, digest=digest)
        except InputError as error:
            raise InputError(f"start{str(error).removeprefix('image')}") from error
        if statistics.negative:
            raise InputError(f"start has {statistics.negative} negative voxels, as no estimate has; raise them to 0")
        if statistics.maximum == 0:
            raise InputError("start is 0 throughout, and would stay so; give one with light in it")
        return cls(start, statistics.digest, statistics.mean)

    def check(self, mean: float) -> None:
        """Refuse a start of another brightness than the image, whose mean this is.

        A first step by a factor near 0 is 1 less a number near 1, which single precision rounds to 0 or to garbage; one
        by a huge factor ends at the floor of divisions.

        Raises
        ------
        InputError
            If their means differ too much.
        """
        if (
            self.mean is not None
            and mean > 0
            and not MINIMUM_BRIGHTNESS * mean <= self.mean <= MAXIMUM_BRIGHTNESS * mean
        ):
            raise InputError(
                f"start has a mean of {self.mean:g}, the image of {mean:g}; multiply it by {mean / self.mean:.3g}, so "
                "that they are of about the same brightness"
            )

    def store(self, backend: Backend[Any], geometry: Geometry, image: Image) -> Store:
        """The start as a volume."""
        constant = image.constant
        if isinstance(self.start, str) and self.start == "constant":
            return ConstantStore(backend, geometry.domain, constant, wraps=geometry.wraps)
        from_image = isinstance(self.start, str)
        array = image.voxels if from_image else self.start
        # the voxels of an image on a device are scaled already, and have no offset then
        scaled = from_image and isinstance(image.store, DeviceStore) and is_foreign(array)
        floor, background = (MINIMUM_START * constant, image.background) if from_image else (0.0, 0.0)

        def values(part: tuple[slice, ...]) -> Volume:
            taken = to_host(backend, array[part])
            refuse_masked(taken, "start")
            if from_image and not (scaled and image.scale is not None):
                taken = image.calibrated(taken)
            elif image.scale is not None and not from_image:
                taken = image.scale.apply(taken, np.dtype(np.float64))
            elif taken.dtype == np.float16:
                taken = taken.astype(np.float32)
            less: Volume = np.maximum(taken - background, floor)
            release(array)
            return less

        return _ArrayStart(backend, geometry, values, constant)


class _ArrayStart:
    """A start that is an array inside the image, and a constant wherever else light may be."""

    def __init__(
        self, backend: Backend[Any], geometry: Geometry, values: Callable[[tuple[slice, ...]], Volume], constant: float
    ) -> None:
        self._backend, self._geometry, self._values, self._constant = backend, geometry, values, constant

    def load(self, box: Box, spare: Any = None) -> Any:
        """The box as a real array on the device."""
        geometry = self._geometry
        block = np.zeros(box.shape, self._backend.facts.dtype)
        if not geometry.wraps:
            block[box.intersect(geometry.domain).slices(box.start)] = self._constant
        ends = zip(box.start, box.stop, geometry.image_shape, strict=True)
        axes = [list(runs(a, b, n, wrap=geometry.wraps)) for a, b, n in ends]
        for chosen in itertools.product(*axes):
            block[tuple(run[1] for run in chosen)] = self._values(tuple(run[0] for run in chosen))
        return self._backend.upload(block)

    def save(self, array: Any, block: Block) -> None:
        raise TypeError("a start cannot be written")


def to_host(backend: Backend[Any], part: Any) -> Volume:
    """Part of an array of the caller's, in host memory."""
    if not is_foreign(part):
        return part if isinstance(part, np.ma.MaskedArray) else np.asarray(part)
    return backend.download(backend.upload(part))
