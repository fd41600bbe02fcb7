"""Writing a result: beside its name, block by block, and renamed only when it is whole."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile

from rlcore.app.reading import Opened
from rlcore.app.voxel import Dialect, write_voxel
from rlcore.backend import Volume
from rlcore.blocks import Shape
from rlcore.budget import format_bytes
from rlcore.errors import InputError
from rlcore.execution.checkpoint import reserve

SUFFIXES = (".tif", ".tiff", ".npy")
DTYPES = ("float32", "uint16")
_CLASSIC_LIMIT = 4 << 30
"""Bytes that ImageJ's dialect can hold."""


def check_output(output: Path, inputs: list[Path], *, force: bool) -> None:
    """Refuse a name that cannot be written, before anything is run."""
    name, folder = repr(str(output)), output.parent
    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"output {name} has no ending that is known; choose one of {', '.join(SUFFIXES)}")
    if not folder.is_dir():
        raise InputError(f"output folder {str(folder)!r} does not exist; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"output folder {str(folder)!r} cannot be written to; choose another")
    if output.is_dir():
        raise InputError(f"output {name} is a folder; name a file")
    if not output.exists():
        return
    if any(path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"output {name} is one of the inputs; name another file")
    if not force:
        raise InputError(f"output {name} exists; give --force to replace it")


def check_room(folder: Path, needed: int) -> None:
    """Refuse a result that does not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"output folder {str(folder)!r} has {format_bytes(free)} free, the result needs {format_bytes(needed)}; "
            "free some space or choose another"
        )


@contextmanager
def beside(output: Path) -> Iterator[Path]:
    """A name to write to, which becomes `output` if all goes well and is removed otherwise."""
    partial = output.with_name(output.name + ".partial")
    try:
        yield partial
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def dialect_for(output: Path, image: Opened, size: int) -> Dialect:
    """How the result describes itself: as its image does, where its name and size allow."""
    if output.suffix.lower() == ".npy":
        return "npy"
    if output.name.lower().endswith((".ome.tif", ".ome.tiff")):
        return "ome"
    if image.dialect == "imagej" and size >= _CLASSIC_LIMIT:
        return "ome"
    return "plain" if image.dialect == "npy" else image.dialect


def create(path: Path, output: Path, shape: Shape, dtype: str, image: Opened, note: str) -> Volume:
    """A new file, its disk space claimed, mapped to memory; `output` is what it will be called."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    dialect = dialect_for(output, image, size)
    check_room(path.parent, size)
    try:
        if dialect == "npy":
            volume: Volume = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        else:
            volume = _create_tiff(path, shape, dtype, image, dialect, note)
        reserve(path)
    except OSError as error:
        raise InputError(f"output {str(output)!r} cannot be written: {error.strerror or error}") from error
    return volume


def _create_tiff(path: Path, shape: Shape, dtype: str, image: Opened, dialect: Dialect, note: str) -> Volume:
    entries, arguments = write_voxel(image.voxel, dialect, image.axes)
    metadata = {"axes": image.axes, **entries, {"ome": "Description", "imagej": "Info"}.get(dialect, "note"): note}
    return tifffile.memmap(
        path,
        shape=shape,
        dtype=np.dtype(dtype),
        photometric="minisblack",
        ome=dialect == "ome",
        imagej=dialect == "imagej",
        metadata=metadata,
        **arguments,
    )


def flush(volume: Volume) -> None:
    """Bring a mapped file to the disk; errors show here and not after the rename."""
    if isinstance(volume, np.memmap):
        volume.flush()


def step_of(volume: Volume, dtype: str) -> float:
    """The value of one step, if the maximum is to become the largest number of an unsigned type."""
    return max(float(plane.max()) for plane in volume) / int(np.iinfo(dtype).max) or 1.0


def to_steps(volume: Volume, step: float, out: Volume) -> None:
    """The volume in whole steps, plane by plane."""
    for source, target in zip(volume, out, strict=True):
        target[...] = np.rint(source / step)
