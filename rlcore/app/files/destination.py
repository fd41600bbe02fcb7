"""Output paths: checked before a run, written under a temporary name, and renamed once complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlcore.app.files.description import Description
from rlcore.app.files.voxel import Dialect
from rlcore.app.files.zarr_input import is_zarr
from rlcore.backend.host.memory import format_bytes
from rlcore.errors import InputError

SUFFIXES = (".tif", ".tiff", ".npy", ".zarr")
DTYPES = ("float32", "uint16")
_CLASSIC_LIMIT = 4 << 30
"""Size limit of ImageJ's dialect in bytes: it is classic TIFF, whose offsets have 32 bits."""


def check_output(output: Path, inputs: list[Path], *, force: bool) -> None:
    """Checks that the output can be written, before anything is run.

    Parameters
    ----------
    output : Path
        File, or folder of a Zarr.
    inputs : list of Path
        Files of the run, none of which may be the output.
    force : bool
        Allow the output to exist.

    Raises
    ------
    InputError
        If the name, its folder or an existing file rules the output out.
    """
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
    # asked before --force: replacing an input is never meant
    if any(path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"output {name} is one of the inputs; name another file")
    if not force:
        raise InputError(f"output {name} exists; give --force to replace it")


def _check_kind(output: Path, name: str) -> None:
    """Checks that a Zarr replaces only a Zarr, and a file only a file."""
    if output.suffix.lower() != ".zarr":
        if output.is_dir():
            raise InputError(f"output {name} is a folder; name a file")
    elif output.exists() and not is_zarr(output):
        raise InputError(f"output {name} exists and is no Zarr; name another")


def check_room(folder: Path, needed: int) -> None:
    """Raises InputError if a result of `needed` bytes does not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"output folder {str(folder)!r} has {format_bytes(free)} free, the result needs {format_bytes(needed)}; "
            "free some space or choose another"
        )


@contextmanager
def partial_output(output: Path, *, keep: bool = False) -> Iterator[Path]:
    """Yields a temporary path, for a file or a folder, and renames it to `output` on success.

    On failure it is removed, or left for a later run to resume from if `keep` is set. Readers of `output` thus never
    see an incomplete result.
    """
    # in the same folder, since renaming is atomic only within one file system
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
    """Removes a file or a folder if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _rename(partial: Path, output: Path) -> None:
    """Renames `partial` to `output`, replacing an existing file or folder of the same kind."""
    # a file never replaces a folder: the system refuses, and the folder stays
    if not (partial.is_dir() and output.is_dir()):
        partial.replace(output)
        return
    # no system call replaces a full folder in one step, so the old one is renamed first and restored on failure
    old = output.with_name(output.name + ".old")
    remove(old)
    output.rename(old)
    try:
        partial.rename(output)
    except OSError:
        old.rename(output)
        raise
    remove(old)


def dialect_for(output: Path, about: Description, size: int) -> Dialect:
    """Returns the dialect of the result: that of its image, where the output's name and size allow it."""
    name = output.name.lower()
    if name.endswith((".npy", ".zarr")):
        return "npy" if name.endswith(".npy") else "zarr"
    if name.endswith((".ome.tif", ".ome.tiff")):
        return "ome"
    # a TIFF made of a Zarr keeps most metadata as OME; only OME and plain TIFF are written as BigTIFF
    if about.dialect == "zarr" or (about.dialect == "imagej" and size >= _CLASSIC_LIMIT):
        return "ome"
    return "plain" if about.dialect == "npy" else about.dialect
