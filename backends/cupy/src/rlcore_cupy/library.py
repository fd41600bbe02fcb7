"""CuPy, where it is installed, and its devices. Importing this never fails, so that it can say what is missing."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from rlcore.backend import Device
from rlcore.errors import BackendUnavailable


def _load() -> tuple[Any, str]:
    try:
        library = importlib.import_module("cupy")
    except ImportError:
        return None, "CuPy is not installed; install rlcore-cupy[cuda13], or [cuda12] for an older driver"
    try:
        importlib.import_module("cupy.cuda.cufft")
    except ImportError as error:
        return library, f"CuPy cannot find the CUDA libraries it was built for ({error}); install them or another CuPy"
    return library, ""


cupy, _missing = _load()
"""The library; None where it is not installed."""


def count_devices() -> int:
    """The number of CUDA devices, at least one.

    Raises
    ------
    BackendUnavailable
        If CuPy, the driver or a device is missing, or if CuPy was built for another CUDA.
    """
    if _missing:
        raise BackendUnavailable(f"backend 'cupy' cannot run: {_missing}")
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BackendUnavailable(f"backend 'cupy' cannot run: {_reason(str(error))}") from error
    if not count:
        raise BackendUnavailable("backend 'cupy' cannot run: there is no CUDA device")
    return count


def devices() -> tuple[Device, ...]:
    """All CUDA devices, in the order of their indices."""
    return tuple(_describe(index) for index in range(count_devices()))


def choose(device: str | int | None) -> Device:
    """The device of an index, or the first whose name contains a text; the caller's current one if None."""
    found = devices()
    if device is None:
        return found[int(cupy.cuda.runtime.getDevice())]
    text = str(device).strip().lower()
    if text.isdecimal():
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


def _reason(error: str) -> str:
    if "InsufficientDriver" in error and not cupy.cuda.runtime.driverGetVersion():
        return "there is no NVIDIA driver on this machine"
    if "InsufficientDriver" in error:
        have, built = (_version(f()) for f in (cupy.cuda.runtime.driverGetVersion, cupy.cuda.runtime.runtimeGetVersion))
        return f"the driver is for CUDA {have}, this CuPy for {built}; update the driver or install another CuPy"
    if "NoDevice" in error:
        return "there is no CUDA device that this process may use"
    return error


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
