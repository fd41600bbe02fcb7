"""The image of a run: measured once, wherever that is cheapest, and given to blocks from where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.statistics import Statistics, measure, measure_on_device, measures_on_device
from rlcore.execution.volumes.stores import DeviceStore, HostStore, LoadedStore, Store
from rlcore.planner import Plan

DIVISION_FLOOR = 1e-8
"""Smallest divisor, as a share of the image's maximum: relative, so that scaling the data scales the result."""


class ImageWarning(UserWarning):
    """The image can be used, but not all of it as it is."""


@dataclass(frozen=True, slots=True)
class Image:
    """The image of a run, negative values raised to 0, with its statistics."""

    store: Store
    statistics: Statistics
    background: float

    @property
    def constant(self) -> float:
        """The constant that estimates start from: the mean of the image less the background."""
        return max(0.0, self.statistics.mean - self.background)

    @property
    def floor(self) -> float:
        """Smallest divisor; 1 for an image of zeros, whose ratio is then 0."""
        return DIVISION_FLOOR * self.statistics.maximum or 1.0

    def check(self) -> None:
        """Warn of voxels that are taken as 0, and refuse a background that leaves no light."""
        if self.statistics.negative:
            caution(f"image has {self.statistics.negative} negative voxels, which count as 0", ImageWarning)
        check_background(self.background, self.statistics)


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
    wraps, origin = plan.geometry.wraps, plan.geometry.image.start
    on_host = backend.facts.on_host
    if native or (plan.placement == "device" and not plan.is_whole and not on_host):
        array = backend.upload(image)
        statistics = known or measure_on_device(backend, array, image)
        if statistics.negative:
            array = backend.clamp(array, 0.0, out=None if native else array)
        return Image(DeviceStore(backend, array, origin, wraps=wraps), statistics, background)
    if known is None and plan.is_whole and isinstance(image, np.ndarray) and measures_on_device(backend):
        return _open_whole(backend, image, background, plan)
    statistics = known or measure(image)
    floor = 0.0 if statistics.negative else None
    return Image(HostStore(backend, image, origin, wraps=wraps, floor=floor), statistics, background)


def _open_whole(backend: Backend[Any], image: Any, background: float, plan: Plan) -> Image:
    """An image that is one block: brought to the device and measured there; zeros around it change no sum."""
    wraps, origin = plan.geometry.wraps, plan.geometry.image.start
    extent = next(iter(plan.tiling())).extent
    store = HostStore(backend, image, origin, wraps=wraps)
    block = store.load(extent)
    statistics = measure_on_device(backend, block, image)
    if statistics.negative:
        store = HostStore(backend, image, origin, wraps=wraps, floor=0.0)
        block = backend.clamp(block, 0.0, out=block)
    return Image(LoadedStore(store, extent, block), statistics, background)
