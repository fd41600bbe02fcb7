"""Files of PSFs, read and written with the size of their voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app.files.layout import Pick
from rlcore.app.files.likely_axes import open_psf, open_stack
from rlcore.app.files.metadata.scale import believed
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.url import Location
from rlcore.app.files.writing.apart import Named, check_apart
from rlcore.app.files.writing.destination import check_output, partial_output
from rlcore.app.whole_numbers import whole_numbers
from rlcore.backend import Shape, Volume
from rlcore.errors import InputError

Scale = tuple[float, ...] | None
"""Voxel size in micrometres along each axis; None if unknown."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a command: lines for people, and figures for programs."""

    lines: list[str]
    figures: dict[str, Any] = field(default_factory=dict)
    """Result in types that JSON has."""


def read(
    path: Location, axes: str | None = None, voxel: str | None = None, option: str = "--axes"
) -> tuple[Volume, Scale]:
    """Reads a PSF's file into memory, with its voxel size; the user's axes and voxel size replace its own.

    `option` is the name by which the user gives `axes`.
    """
    opened = believed(open_psf(path, axes=axes, option=option), f"psf {str(path)!r}", voxel, "--psf-voxel")
    return _only(opened, "psf", option), scale_of(opened)


def read_stack(path: Location, pick: Pick, voxel: str | None) -> tuple[Volume, Scale]:
    """Reads the selected volume of a stack of beads into memory, with its voxel size, or that of the user."""
    opened = believed(open_stack(path, "stack", pick), f"stack {str(path)!r}", voxel, "--voxel")
    return _only(opened, "stack", pick.option), scale_of(opened)


def _only(opened: Opened, what: str, option: str) -> Volume:
    volume = opened.only(what, option)
    return np.asarray(volume[(slice(None),) * volume.ndim])


def scale_of(opened: Opened) -> Scale:
    """Returns the voxel size in micrometres along each axis; None unless the file gives all of them."""
    return opened.about.voxel.micrometres("ZYX"[-len(opened.layout.volume_shape) :])


def check(inputs: Sequence[Location], output: Path | None, picture: Path | None, *, force: bool) -> None:
    """Raises InputError for outputs that cannot be written, before anything is computed."""
    read: list[Named] = [("input", path) for path in inputs]
    others = () if picture is None else (("picture", picture),)
    if output is not None:
        check_output(output, read, force=force, others=others)
    if picture is None:
        return
    check_apart(list(others), read)
    if picture.suffix.lower() != ".png":
        raise InputError(f"picture {str(picture)!r} does not end in .png; name it so")
    if not picture.parent.is_dir():
        raise InputError(f"picture folder {str(picture.parent)!r} does not exist; make it first")
    if picture.exists() and not force:
        raise InputError(f"picture {str(picture)!r} exists; give --force to replace it")


def write(output: Path, values: Volume, scale: Scale) -> None:
    """Writes a PSF as float32, to .npy or to a TIFF in ImageJ's dialect, which holds the voxel size."""
    volume = np.ascontiguousarray(values, dtype=np.float32)
    with partial_output(output) as partial:
        if output.suffix.lower() == ".npy":
            # given a name that does not end in .npy, np.save would append it
            with partial.open("wb") as file:
                np.save(file, volume)
            return
        described: dict[str, Any] = {"axes": "ZYX"[-volume.ndim :]}
        resolution: dict[str, Any] = {}
        if scale is not None:
            described["unit"] = "micron"
            resolution["resolution"] = (1 / scale[-1], 1 / scale[-2])
            if volume.ndim == 3:
                described["spacing"] = scale[0]
        tifffile.imwrite(partial, volume, imagej=True, metadata=described, **resolution)


def parse_shape(text: str) -> Shape:
    """Parses the shape of a PSF such as ``31x41x41``; raises InputError if it is none."""
    sizes = whole_numbers(text.lower().replace(",", "x").split("x"))
    if sizes is None or not all(sizes) or len(sizes) not in (2, 3):
        raise InputError(f"shape {text!r} is not one of a psf; write it like 31x41x41")
    return sizes
