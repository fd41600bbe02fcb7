"""Where a result goes: checked before anything is run, written beside its name, and renamed only when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlcore.app.files.description import Description
from rlcore.app.files.ome_zarr import is_zarr
from rlcore.app.files.voxel import Dialect
from rlcore.budget import format_bytes
from rlcore.errors import InputError

SUFFIXES = (".tif", ".tiff", ".npy", ".zarr")
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
    _check_kind(output, name)
    if not output.exists():
        return
    if any(path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"output {name} is one of the inputs; name another file")
    if not force:
        raise InputError(f"output {name} exists; give --force to replace it")


def _check_kind(output: Path, name: str) -> None:
    """A Zarr may take the place of a Zarr, a file that of a file."""
    if output.suffix.lower() != ".zarr":
        if output.is_dir():
            raise InputError(f"output {name} is a folder; name a file")
    elif output.exists() and not is_zarr(output):
        raise InputError(f"output {name} exists and is no Zarr; name another")


def check_room(folder: Path, needed: int) -> None:
    """Refuse a result that does not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"output folder {str(folder)!r} has {format_bytes(free)} free, the result needs {format_bytes(needed)}; "
            "free some space or choose another"
        )


@contextmanager
def beside(output: Path, *, keep: bool = False) -> Iterator[Path]:
    """A name to write to, file or folder, which becomes `output` if all goes well.

    It is removed otherwise, unless a later run is to go on with it (`keep`).
    """
    partial = output.with_name(output.name + ".partial")
    done = False
    try:
        yield partial
        _rename(partial, output)
        done = True
    finally:
        if done or not keep:
            remove(partial)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _rename(partial: Path, output: Path) -> None:
    """A folder cannot replace a folder in one step, so the old one steps aside first."""
    if not output.is_dir():
        partial.replace(output)
        return
    aside = output.with_name(output.name + ".old")
    remove(aside)
    output.rename(aside)
    try:
        partial.rename(output)
    except OSError:
        aside.rename(output)
        raise
    remove(aside)


def dialect_for(output: Path, about: Description, size: int) -> Dialect:
    """How the result describes itself: as its image does, where its name and size allow."""
    name = output.name.lower()
    if name.endswith((".npy", ".zarr")):
        return "npy" if name.endswith(".npy") else "zarr"
    if name.endswith((".ome.tif", ".ome.tiff")):
        return "ome"
    if about.dialect == "zarr" or (about.dialect == "imagej" and size >= _CLASSIC_LIMIT):
        return "ome"
    return "plain" if about.dialect == "npy" else about.dialect
