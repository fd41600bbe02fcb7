"""Which CUDA devices there are, and which of them is meant."""

from __future__ import annotations

from functools import cache

from rlcore.backend import Device
from rlcore.errors import BackendUnavailable
from rlcore_cupy.library import count_devices, cupy


def devices() -> tuple[Device, ...]:
    """Every CUDA device, in the order of its index."""
    return tuple(_describe(index) for index in range(count_devices()))


def choose(device: str | int | None) -> Device:
    """The device of an index, or the first whose name contains a text; the caller's current one if None."""
    found = devices()
    if device is None:
        return found[int(cupy.cuda.runtime.getDevice())]
    text = str(device).strip().lower()
    if text.isdigit():
        named = [one for one in found if one.index == int(text)]
    else:
        named = [one for one in found if text and text in one.name.lower()]
    if not named:
        there = ", ".join(f"{one.index}: {one.name!r}" for one in found)
        raise BackendUnavailable(f"backend 'cupy' has no device {device!r}; there are {there}")
    return named[0]


@cache
def _describe(index: int) -> Device:
    properties = cupy.cuda.runtime.getDeviceProperties(index)
    return Device(index, properties["name"].decode(), int(properties["totalGlobalMem"]))
