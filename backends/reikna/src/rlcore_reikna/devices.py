"""OpenCL devices, listed and chosen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import pyopencl as cl

from rlcore.backend import Device
from rlcore.errors import BackendUnavailable

_log = logging.getLogger("rlcore")

Started = TypeVar("Started")
"""An object that is made of a device, if the device works."""


def all_devices() -> list[cl.Device]:
    """Every device of every platform, platform by platform; a platform that fails is passed over."""
    found: list[cl.Device] = []
    try:
        platforms = cl.get_platforms()
    except cl.Error:  # the loader fails, instead of listing none, where no driver is installed
        platforms = []
    for platform in platforms:
        try:
            found += platform.get_devices()
        except cl.Error as error:
            _log.info("OpenCL platform %r has no devices: %s", platform.name, error)
    return found


def described() -> tuple[Device, ...]:
    """All devices as a survey shows them, in the order of the index that selects one."""
    return tuple(
        Device(index, title(device), device.global_mem_size, device.max_mem_alloc_size)
        for index, device in enumerate(all_devices())
    )


def title(device: cl.Device) -> str:
    """Name of the device and of its platform, since several platforms may offer one device."""
    return f"{device.name.strip()} ({device.platform.name.strip()})"


def is_cpu(device: cl.Device) -> bool:
    return bool(device.type & cl.device_type.CPU)


def choose(backend: str, wanted: str | int | None, start: Callable[[cl.Device], Started]) -> Started:
    """Start the device with an index, or the first working one whose name, vendor or platform contains `wanted`.

    GPUs come first. A device whose driver fails is passed over, and logged with the reason.

    Raises
    ------
    BackendUnavailable
        If there is no device, if none matches, or if no matching device works.
    """
    devices = all_devices()
    if not devices:
        raise BackendUnavailable(
            f"backend {backend!r} finds no OpenCL device; install the driver of your GPU, "
            "or for the CPU try: pip install 'rlcore-reikna[pocl]'"
        )
    reasons = []
    for device in _wanted(devices, wanted):
        try:
            started = start(device)
        except cl.Error as error:  # PoCL, for one, lists processors that its compiler does not know
            reasons.append(f"{title(device)} does not work: {_gist(error)}")
            _log.info("backend %r passes over %s", backend, reasons[-1])
            continue
        _log.info("backend %r runs on %s, out of %s", backend, title(device), _listed(devices))
        return started
    if reasons:
        raise BackendUnavailable(f"backend {backend!r} has no device that works; {'; '.join(reasons)}")
    raise BackendUnavailable(f"backend {backend!r} has no device {wanted!r}; there are {_listed(devices)}")


def _wanted(devices: list[cl.Device], wanted: str | int | None) -> list[cl.Device]:
    """The matching devices, best first."""
    if wanted is not None and str(wanted).isdecimal():
        return devices[int(wanted) : int(wanted) + 1]
    named = [device for device in devices if wanted is None or str(wanted).lower() in _words(device)]
    return sorted(named, key=_rank)


def _gist(error: cl.Error) -> str:
    """The most telling line of a driver's message: the compiler's first error, or the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("error")), lines[0] if lines else type(error).__name__)


def _rank(device: cl.Device) -> tuple[bool, bool, int]:
    """GPUs before accelerators before CPUs, those with more memory first."""
    return not device.type & cl.device_type.GPU, is_cpu(device), -device.global_mem_size


def _words(device: cl.Device) -> str:
    return f"{title(device)} {device.vendor}".lower()


def _listed(devices: list[cl.Device]) -> str:
    return ", ".join(f"{index}: {title(device)}" for index, device in enumerate(devices))
