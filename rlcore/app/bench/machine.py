"""Description of the machine and of library versions for results; without names of users or hosts."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rlcore
from rlcore.backend.host.memory import host_free, processors

_LIBRARIES = (
    "numpy", "rlcore", "rlcore-pyfftw", "rlcore-cupy", "rlcore-reikna", "pyfftw", "scipy", "cupy-cuda12x",
    "cupy-cuda13x", "reikna", "pyopencl", "pyvkfft", "torch", "scikit-image", "RedLionfish",
)  # fmt: skip
_ASKED = "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.limit"


def describe(opencl: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns processor, memory, system load, devices with drivers and clocks, versions and commit."""
    return {
        "processor": processor(),
        "processors": processors(),
        "clock_mhz": _clock(),
        "free_memory": host_free()[0],
        # load of other processes explains outliers
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "cards": _cards(),
        "opencl": opencl,
        "versions": _versions(),
        "commit": _commit(),
    }


def processor() -> str:
    """Returns the name of the processor."""
    # on Linux, platform.processor() is empty or only the architecture
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _clock() -> float | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("cpu MHz"):
                return float(line.partition(":")[2])
    return None


def _cards() -> list[dict[str, str]]:
    """Returns every NVIDIA card as described by its driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    asked = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader"]
    output = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    names = _ASKED.split(",")
    return [dict(zip(names, (cell.strip() for cell in line.split(",")), strict=False)) for line in output.splitlines()]


def opencl_devices() -> list[dict[str, Any]]:
    """Returns every OpenCL device with its driver and maximum clock.

    Loads all drivers, so it is called in a process of its own.
    """
    if find_spec("pyopencl") is None:
        return []
    import pyopencl

    try:
        platforms = pyopencl.get_platforms()
    except pyopencl.Error:  # no driver is installed
        return []
    return [
        {
            "name": device.name,
            "platform": f"{platform.name} {platform.version}",
            "driver_version": device.driver_version,
            "max_clock_mhz": device.max_clock_frequency,
        }
        for platform in platforms
        for device in platform.get_devices()
    ]


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _commit() -> str | None:
    """Returns the commit of the checkout that rlcore runs from; None if it is installed otherwise."""
    folder = Path(rlcore.__file__).parent
    if shutil.which("git") is None or not (folder.parent / ".git").exists():
        return None
    ask = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() or None
