"""Output paths: checked before a run, written in a work folder, and renamed once complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.voxel import Dialect
from rlcore.app.files.remote.destination import check_remote_output
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.writing.apart import Named, check_apart
from rlcore.app.files.writing.work_folder import working_on
from rlcore.app.files.zarr.input import stranger_in_image
from rlcore.app.files.zarr.signs import is_zarr
from rlcore.app.files.zarr.zip_archive import ARCHIVES
from rlcore.backend.host.memory import format_bytes
from rlcore.errors import InputError
from rlcore.execution.durable import reserve

SUFFIXES = (".tif", ".tiff", ".npy", ".zarr", *ARCHIVES)
CLASSIC_LIMIT = (4 << 30) - (64 << 20)
"""Size in bytes from which a TIFF is BigTIFF: offsets of classic TIFF have 32 bits, and metadata need room too."""


def check_output(output: Location, inputs: Sequence[Named], *, force: bool, others: tuple[Named, ...] = ()) -> None:
    """Checks that the output can be written, before anything is run.

    Parameters
    ----------
    output : Path or Url
        File, or folder of a Zarr.
    inputs : sequence of (str, Path or Url)
        Files of the run with their roles.
    force : bool
        Allow the output to exist.
    others : tuple of (str, Path)
        Other paths that the run writes, with their roles: its checkpoint, its report.

    Raises
    ------
    InputError
        If the name, its folder, an existing file or another path of the run rules the output out.
    """
    if isinstance(output, Url):
        check_remote_output(output, inputs, force=force, others=others)
        return
    name = repr(str(output))
    if not output.name.lower().endswith(SUFFIXES):
        raise InputError(f"output {name} has no ending that is known; choose one of {', '.join(SUFFIXES)}")
    # a link is followed: what it points to is written
    real = Path(os.path.realpath(output))
    folder = real.parent
    shown = repr(str(folder if output.is_symlink() else output.parent))
    if not folder.is_dir():
        raise InputError(f"output folder {shown} does not exist; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"output folder {shown} cannot be written to; choose another")
    # asked before --force: replacing an input is never meant
    check_apart([("output", output), *others], inputs)
    _check_kind(real, name, zarr=output.suffix.lower() == ".zarr")
    if os.path.lexists(real) and not force:
        raise InputError(f"output {name} exists; give --force to replace it")


def _check_kind(output: Path, name: str, *, zarr: bool) -> None:
    """Checks that a Zarr image replaces only a Zarr image, and a file only a file."""
    if not os.path.lexists(output):
        return
    if not zarr:
        if output.is_dir():
            raise InputError(f"output {name} is a folder; name a file")
        if not output.is_file():
            raise InputError(f"output {name} exists and is no ordinary file; name another")
        return
    if not output.is_dir() or not is_zarr(output):
        raise InputError(f"output {name} exists and is no Zarr; name another")
    if output.is_mount():
        raise InputError(f"output {name} is a mount point, which cannot be replaced; name another")
    if stranger := stranger_in_image(output):
        raise InputError(
            f"output {name} holds {stranger!r}, which is no part of an image that rlcore replaces; name another"
        )


def check_room(folder: Path, needed: int) -> None:
    """Raises InputError if files of `needed` bytes do not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"output folder {str(folder)!r} has {format_bytes(free)} free, the result needs {format_bytes(needed)}; "
            "free some space or choose another"
        )


def hold_space(path: Path, size: int) -> None:
    """Makes a file that holds disk space until it is removed, for what is written at the end of a run."""
    with path.open("xb") as file:
        file.truncate(size)
    reserve(path)


@contextmanager
def partial_output(output: Path) -> Iterator[Path]:
    """Yields a path for a file in a work folder, which becomes `output` on success and is removed on failure.

    Readers of `output` thus never see an incomplete file; an existing one is replaced.
    """
    with working_on(output) as work:
        yield work.result
        work.publish(force=True)


def dialect_for(output: Location, about: Description, size: int) -> Dialect:
    """Returns the dialect of the result: that of its image, where the output's name and size allow it."""
    name = output.name.lower()
    if name.endswith((".npy", ".zarr", *ARCHIVES)):
        return "npy" if name.endswith(".npy") else "zarr"
    if name.endswith((".ome.tif", ".ome.tiff")):
        return "ome"
    # a TIFF made of a Zarr keeps most metadata as OME; only OME and plain TIFF are written as BigTIFF
    if about.dialect == "zarr" or (about.dialect == "imagej" and size >= CLASSIC_LIMIT):
        return "ome"
    return "plain" if about.dialect == "npy" else about.dialect
