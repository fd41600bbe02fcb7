"""The image of a run: measured once, wherever that is cheapest, and given to blocks from where it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend, Volume
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.scale import LEAST, MOST, Scale, scale_for
from rlcore.execution.volumes.statistics import Statistics, measure, measure_on_device, measures_on_device
from rlcore.execution.volumes.stores import DeviceStore, HostStore, LoadedStore, Store
from rlcore.planner import Plan

DIVISION_FLOOR = 1e-8
"""Smallest divisor, as a share of the image's maximum: relative, so that scaling the data scales the result."""


class ImageWarning(UserWarning):
    """The image can be used, but not all of it as it is."""


@dataclass(frozen=True, slots=True)
class Image:
    """The image of a run less its offset, negative values raised to 0, with its statistics.

    `statistics`, `light` and `offset` are in the image's units, all else is in those of the run.
    """

    store: Store
    statistics: Statistics
    light: float
    """The background in the image's units."""
    voxels: Any
    """The array that the image was opened from."""
    offset: float = 0.0
    """What the camera adds to every voxel."""
    scale: Scale | None = None
    """Brings the image to the units of the run; None if they are the same."""

    def calibrated(self, voxels: Volume) -> Volume:
        """Voxels of the array less the offset, in the units of the run."""
        if self.scale is not None:
            return self.scale.apply(voxels, np.dtype(np.float64), self.offset)
        if self.offset:
            return voxels - np.float64(self.offset)
        return voxels.astype(np.float32) if voxels.dtype == np.float16 else voxels

    @property
    def constant(self) -> float:
        """The constant that estimates start from: the mean of the image less the background."""
        return max(0.0, self._scaled(self.statistics.mean) - self.background)

    @property
    def background(self) -> float:
        """The constant part of the image that is not light of the object."""
        return self._scaled(self.light)

    @property
    def floor(self) -> float:
        """Smallest divisor; 1 for an image of zeros, whose ratio is then 0."""
        return DIVISION_FLOOR * self._scaled(self.statistics.maximum) or 1.0

    def _scaled(self, value: float) -> float:
        return value if self.scale is None else self.scale.number(value)

    def check(self, result: np.dtype[Any]) -> None:
        """Warn of voxels that are taken as 0; refuse a background that leaves no light, and a `result` without room."""
        if self.statistics.negative and not self.offset:
            caution(f"image has {self.statistics.negative} negative voxels, which count as 0", ImageWarning)
        if self.offset and self.statistics.maximum == 0:
            raise InputError(f"image has no voxel above its offset, {self.offset:g}; give a smaller one")
        check_background(self.light, self.statistics, self.offset)
        if self.scale is not None and self.statistics.maximum > 0:
            self.scale.check(self.statistics.maximum, result)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where an image comes from: an array, what the camera has added to all of it, and which voxels count."""

    voxels: Any
    offset: float = 0.0
    weights: Any = None
    """An array of the image's shape; None if all voxels count alike."""

    def measure(self, *, digest: bool = False) -> Statistics:
        """Statistics of the image, taken on the host."""
        return measure(self.voxels, digest=digest, offset=self.offset, weights=self.weights)


def check_background(background: float, statistics: Statistics, offset: float = 0.0) -> None:
    """Refuse a background that leaves no light."""
    if statistics.maximum > 0 and statistics.mean <= background and background > 0:
        above = f" above its offset of {offset:.4g}" if offset else ""
        raise InputError(
            f"background {background:.4g} is not below the image's mean{above}, {statistics.mean:.4g}; give a smaller "
            "one"
        )


def open_image(
    backend: Backend[Any], source: Source, background: float, plan: Plan, known: Statistics | None, *, native: bool
) -> Image:
    """The image for a run by this plan.

    `known` are its statistics, if they were taken already; `native` says that it is an array of the backend's library.
    """
    on_host, image = backend.facts.on_host, source.voxels
    if native or (plan.placement == "device" and not plan.is_whole and not on_host):
        return _open_on_device(backend, source, background, plan, known, native=native)
    # what surrounds the image in a block would count with the image if the offset were not above it
    measurable = source.weights is None and source.offset >= 0 and isinstance(image, np.ndarray)
    if known is None and plan.is_whole and measurable and measures_on_device(backend):
        return _open_whole(backend, source, background, plan)
    return _open_on_host(backend, source, background, plan, known or source.measure())


def _open_on_host(backend: Backend[Any], source: Source, background: float, plan: Plan, known: Statistics) -> Image:
    """An image that blocks are read of from where it lies."""
    floor, scale = 0.0 if known.negative or source.offset else None, scale_for(known.maximum, known.minimum)
    store = _host_store(backend, source, plan, floor=floor, scale=scale)
    return Image(store, known, background, source.voxels, source.offset, scale)


def _open_on_device(
    backend: Backend[Any], source: Source, background: float, plan: Plan, known: Statistics | None, *, native: bool
) -> Image:
    """An image that is on the device already, or goes there as a whole."""
    image, offset = source.voxels, source.offset
    with np.errstate(over="ignore"):  # such values are found, and scaled
        array, shared = backend.upload(image), native
    if offset:
        array, shared = backend.add(array, -offset, out=None if shared else array), False
    if known is None:
        known = source.measure() if source.weights is not None else measure_on_device(backend, array, image, offset)
    scale, voxels = scale_for(known.maximum, known.minimum), image
    if scale is not None:
        del array
        if native:
            voxels, offset = scale.apply_native(image, offset), 0.0
            array, shared = backend.upload(voxels), True
        else:
            on_host = _open_on_host(backend, source, background, plan, known)
            array, shared = on_host.store.load(plan.geometry.image), False
    if known.negative:
        array = backend.clamp(array, 0.0, out=None if shared else array)
    store = DeviceStore(backend, array, plan.geometry.image.start, wraps=plan.geometry.wraps)
    return Image(store, known, background, voxels, offset, scale)


def _open_whole(backend: Backend[Any], source: Source, background: float, plan: Plan) -> Image:
    """An image that is one block: brought to the device and measured there; zeros around it change no sum."""
    image, offset = source.voxels, source.offset
    extent = next(iter(plan.tiling())).extent
    store = _host_store(backend, source, plan)
    with np.errstate(over="ignore"):  # such values are found, and scaled
        block = store.load(extent)
    statistics = _measure_block(backend, block, source)
    if scale_for(statistics.maximum, statistics.minimum) is not None:
        return _open_on_host(backend, source, background, plan, statistics)
    if statistics.negative or offset:
        store = _host_store(backend, source, plan, floor=0.0)
        block = backend.clamp(block, 0.0, out=block)
    return Image(LoadedStore(store, extent, block), statistics, background, image, offset)


def _measure_block(backend: Backend[Any], block: Any, source: Source) -> Statistics:
    """Statistics of an image that fills a block on the device, beside voxels outside it, which are at most 0."""
    if not source.offset:
        return measure_on_device(backend, block, source.voxels)
    summary = backend.summary(block)
    if not math.isfinite(summary.total) or not LEAST <= summary.maximum <= MOST:
        return source.measure()
    light = backend.summary(backend.clamp(block, 0.0)).total
    return Statistics(summary.maximum, light / math.prod(source.voxels.shape), 0)


def _host_store(backend: Backend[Any], source: Source, plan: Plan, **options: Any) -> HostStore:
    geometry = plan.geometry
    return HostStore(
        backend, source.voxels, geometry.image.start, wraps=geometry.wraps, offset=source.offset, **options
    )
