"""Physical scale of voxels in a TIFF, as programs of microscopes write it: LSM, MetaMorph and Micro-Manager."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.metadata.units import canonical
from rlcore.app.files.metadata.voxel import Voxel

_MICRO_MANAGER = {"PixelSize_um": "YX", "PixelSizeUm": "YX", "z-step_um": "Z"}
_PLANE_OF_MICRO_MANAGER = 51123


def of_vendor(tif: tifffile.TiffFile) -> Voxel:
    """Reads the scale that the microscope's own program has written; nothing if none has."""
    if tif.is_lsm:
        return _of_lsm(tif.lsm_metadata or {})
    if tif.is_stk:
        return _of_metamorph(tif.stk_metadata or {})
    if tif.is_micromanager:
        return _of_micro_manager(tif)
    return Voxel()


def positive(value: Any) -> float | None:
    """Parses a length, whose sign says only in which direction it was scanned; None for 0, or if it is none."""
    try:
        # some programs write the decimal comma of their user's language
        number = abs(float(value.replace(",", ".") if isinstance(value, str) else value))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None


def _of_lsm(about: Mapping[str, Any]) -> Voxel:
    sizes = {axis: size for axis in "ZYX" if (size := positive(about.get(f"VoxelSize{axis}")))}
    # LSM states metres, which no one reads well
    sizes, units = {axis: size * 1e6 for axis, size in sizes.items()}, dict.fromkeys(sizes, "µm")
    if interval := positive(about.get("TimeIntervall", about.get("TimeInterval"))):
        sizes["T"], units["T"] = interval, "s"
    return Voxel(sizes, units)


def _of_metamorph(about: Mapping[str, Any]) -> Voxel:
    sizes: dict[str, float] = {}
    if about.get("SpatialCalibration", 1):
        for axis in "YX":
            if size := _fraction(about.get(f"{axis}Calibration")):
                sizes[axis] = size
    # distances of planes, the first of which may be missing
    steps = [step for one in np.ravel(about.get("ZDistance", ())) if (step := positive(one))]
    if steps:
        sizes["Z"] = float(np.median(steps))
    unit = canonical(str(about.get("CalibrationUnits", "")))
    return Voxel(sizes, dict.fromkeys(sizes, unit)) if unit and unit != "pixel" else Voxel()


def _fraction(value: Any) -> float | None:
    if isinstance(value, (tuple, list, np.ndarray)) and len(value) == 2:
        numerator, denominator = map(float, value)
        return positive(numerator / denominator) if denominator else None
    return positive(value)


def _of_micro_manager(tif: tifffile.TiffFile) -> Voxel:
    try:
        about = dict((tif.micromanager_metadata or {}).get("Summary") or {})
    except (ValueError, OSError):  # the plane's own tag says as much, in files saved anew by other programs
        about = {}
    plane = tif.pages.first.tags.valueof(_PLANE_OF_MICRO_MANAGER)
    if isinstance(plane, (str, bytes)):
        try:
            plane = json.loads(plane)
        except ValueError:
            plane = None
    about = {**(plane if isinstance(plane, dict) else {}), **about}
    sizes = {axis: size for key, axes in _MICRO_MANAGER.items() for axis in axes if (size := positive(about.get(key)))}
    units = dict.fromkeys(sizes, "µm")
    if interval := positive(about.get("Interval_ms")):
        sizes["T"], units["T"] = interval / 1000, "s"
    return Voxel(sizes, units)
