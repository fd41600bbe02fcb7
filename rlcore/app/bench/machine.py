"""What a result has to say of the machine and the versions that it was measured with; nothing that names its owner."""

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
    """Processor, memory, what else is running (load), devices with driver and clocks, versions, commit."""
    return {
        "processor": processor(),
        "processors": processors(),
        "clock_mhz": _clock(),
        "free_memory": host_free()[0],
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "cards": _cards(),
        "opencl": opencl,
        "versions": _versions(),
        "commit": _commit(),
    }


def processor() -> str:
    """The processor's name."""
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
    """Every NVIDIA card, as its driver describes it."""
    if shutil.which("nvidia-smi") is None:
        return []
    asked = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    names = _ASKED.split(",")
    return [dict(zip(names, (cell.strip() for cell in line.split(",")), strict=False)) for line in told.splitlines()]


def opencl_devices() -> list[dict[str, Any]]:
    """Every OpenCL device with its driver and highest clock; it loads drivers, so a process that ends asks."""
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
    """The commit of the checkout that rlcore runs from, if it is one."""
    folder = Path(rlcore.__file__).parent
    if shutil.which("git") is None or not (folder.parent / ".git").exists():
        return None
    ask = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() or None
