"""The image as a run reads it: looked at once, wherever that is cheapest, and given to blocks from where it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend, SupportsSummary, on_host
from rlcore.caution import caution
from rlcore.errors import InputError
from rlcore.execution.scan import Scan, scan
from rlcore.execution.stores import DeviceStore, HostStore, LoadedStore, Store
from rlcore.planner import Plan
from rlcore.request import Request

DIVISION_FLOOR = 1e-8
"""Least divisor, as a share of the image's maximum: relative, so that scaling the data scales the result."""


class ImageWarning(UserWarning):
    """The image can be used, but not all of it as it is."""


@dataclass(frozen=True, slots=True)
class Source:
    """The image of a run, negative values at 0, and what its voxels say of the run."""

    store: Store
    scan: Scan
    background: float

    @property
    def start(self) -> float:
        """The constant that estimates start from: the mean of the image less the background."""
        return max(0.0, self.scan.mean - self.background)

    @property
    def floor(self) -> float:
        """Least divisor; 1 for an image of zeros, whose ratio is then 0."""
        return DIVISION_FLOOR * self.scan.maximum or 1.0

    def check(self) -> None:
        """Say what of the image counts as 0, and refuse a background that leaves nothing."""
        if self.scan.negative:
            caution(f"image has {self.scan.negative} negative voxels, which count as 0", ImageWarning)
        check_background(self.background, self.scan)


def check_background(background: float, seen: Scan) -> None:
    """Refuse a background that leaves no light."""
    if seen.maximum > 0 and seen.mean <= background:
        raise InputError(f"background {background!r} is not below the image's mean, {seen.mean:g}; give a smaller one")


def open_source(request: Request, plan: Plan, seen: Scan | None) -> Source:
    """The image for a run by this plan; `seen` is the look at it, if that was taken already."""
    backend, image, background = request.backend, request.image, request.settings.background
    wraps, origin = request.geometry.wraps, request.geometry.image.start
    if request.native or (plan.residence == "device" and not plan.is_whole and not on_host(backend)):
        array = backend.upload(image)
        seen = seen or _look(backend, array, image)
        if seen.negative:
            array = backend.clamp(array, 0.0, out=None if request.native else array)
        return Source(DeviceStore(backend, array, origin, wraps=wraps), seen, background)
    if seen is None and plan.is_whole and isinstance(image, np.ndarray) and _looks_on_device(backend):
        return _open_whole(request, plan)
    seen = seen or scan(image)
    floor = 0.0 if seen.negative else None
    return Source(HostStore(backend, image, origin, wraps=wraps, floor=floor), seen, background)


def _open_whole(request: Request, plan: Plan) -> Source:
    """An image that is one block: brought to the device and looked at there. The zeros around it change no sum."""
    backend, geometry = request.backend, request.geometry
    read = next(iter(plan.cut())).read
    store = HostStore(backend, request.image, geometry.image.start, wraps=geometry.wraps)
    block = store.load(read)
    seen = _look(backend, block, request.image)
    if seen.negative:
        store = HostStore(backend, request.image, geometry.image.start, wraps=geometry.wraps, floor=0.0)
        block = backend.clamp(block, 0.0, out=block)
    return Source(LoadedStore(store, read, block), seen, request.settings.background)


def _looks_on_device(backend: Backend[Any]) -> bool:
    """Whether an image had better be looked at once it is on the device."""
    return isinstance(backend, SupportsSummary) and not on_host(backend)


def _look(backend: Backend[Any], array: Any, image: Any) -> Scan:
    """What the device says of the image it holds; what is wrong with it, if anything is, the host finds out."""
    if not _looks_on_device(backend):
        return scan(image)
    summary = backend.summary(array)  # type: ignore[attr-defined]
    if not math.isfinite(summary.total) or summary.minimum < 0:
        return scan(image)
    return Scan(summary.maximum, summary.total / math.prod(image.shape), 0, "")
