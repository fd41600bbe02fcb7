"""The image of a run: measured once, wherever that is cheapest, and given to blocks from where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.scale import Scale, scale_for
from rlcore.execution.volumes.statistics import Statistics, measure, measure_on_device, measures_on_device
from rlcore.execution.volumes.stores import DeviceStore, HostStore, LoadedStore, Store
from rlcore.planner import Plan

DIVISION_FLOOR = 1e-8
"""Smallest divisor, as a share of the image's maximum: relative, so that scaling the data scales the result."""


class ImageWarning(UserWarning):
    """The image can be used, but not all of it as it is."""


@dataclass(frozen=True, slots=True)
class Image:
    """The image of a run, negative values raised to 0, with its statistics.

    `statistics` and `light` are in the image's units, all else is in those of the run.
    """

    store: Store
    statistics: Statistics
    light: float
    """The background in the image's units."""
    voxels: Any
    """The array that the image was opened from."""
    scale: Scale | None = None
    """Brings the image to the units of the run; None if they are the same."""

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
        if self.statistics.negative:
            caution(f"image has {self.statistics.negative} negative voxels, which count as 0", ImageWarning)
        check_background(self.light, self.statistics)
        if self.scale is not None and self.statistics.maximum > 0:
            self.scale.check(self.statistics.maximum, result)


def check_background(background: float, statistics: Statistics) -> None:
    """Refuse a background that leaves no light."""
    if statistics.maximum > 0 and statistics.mean <= background:
        raise InputError(
            f"background {background!r} is not below the image's mean, {statistics.mean:g}; give a smaller one"
        )


def open_image(
    backend: Backend[Any], image: Any, background: float, plan: Plan, known: Statistics | None, *, native: bool
) -> Image:
    """The image for a run by this plan.

    `known` are its statistics, if they were taken already; `native` says that it is an array of the backend's library.
    """
    on_host = backend.facts.on_host
    if native or (plan.placement == "device" and not plan.is_whole and not on_host):
        return _open_on_device(backend, image, background, plan, known, native=native)
    if known is None and plan.is_whole and isinstance(image, np.ndarray) and measures_on_device(backend):
        return _open_whole(backend, image, background, plan)
    statistics = known or measure(image)
    return _open_on_host(backend, image, background, plan, statistics)


def _open_on_host(backend: Backend[Any], image: Any, background: float, plan: Plan, statistics: Statistics) -> Image:
    """An image that blocks are read of from where it lies."""
    floor, scale = 0.0 if statistics.negative else None, scale_for(statistics.maximum, statistics.minimum)
    origin, wraps = plan.geometry.image.start, plan.geometry.wraps
    store = HostStore(backend, image, origin, wraps=wraps, floor=floor, scale=scale)
    return Image(store, statistics, background, image, scale)


def _open_on_device(
    backend: Backend[Any], image: Any, background: float, plan: Plan, known: Statistics | None, *, native: bool
) -> Image:
    """An image that is on the device already, or goes there as a whole."""
    with np.errstate(over="ignore"):  # such values are found, and scaled
        array = backend.upload(image)
    statistics = known or measure_on_device(backend, array, image)
    scale, voxels, shared = scale_for(statistics.maximum, statistics.minimum), image, native
    if scale is not None:
        del array
        if native:
            voxels = scale.apply_native(image)
            array = backend.upload(voxels)
        else:
            array, shared = (
                _open_on_host(backend, image, background, plan, statistics).store.load(plan.geometry.image),
                False,
            )
    if statistics.negative:
        array = backend.clamp(array, 0.0, out=None if shared else array)
    store = DeviceStore(backend, array, plan.geometry.image.start, wraps=plan.geometry.wraps)
    return Image(store, statistics, background, voxels, scale)


def _open_whole(backend: Backend[Any], image: Any, background: float, plan: Plan) -> Image:
    """An image that is one block: brought to the device and measured there; zeros around it change no sum."""
    wraps, origin = plan.geometry.wraps, plan.geometry.image.start
    extent = next(iter(plan.tiling())).extent
    store = HostStore(backend, image, origin, wraps=wraps)
    with np.errstate(over="ignore"):  # such values are found, and scaled
        block = store.load(extent)
    statistics = measure_on_device(backend, block, image)
    if scale_for(statistics.maximum, statistics.minimum) is not None:
        return _open_on_host(backend, image, background, plan, statistics)
    if statistics.negative:
        store = HostStore(backend, image, origin, wraps=wraps, floor=0.0)
        block = backend.clamp(block, 0.0, out=block)
    return Image(LoadedStore(store, extent, block), statistics, background, image)
