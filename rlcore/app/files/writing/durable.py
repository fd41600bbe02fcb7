"""Durable writes: after these calls a file, a folder or a name survives a loss of power."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def sync_tree(path: Path) -> None:
    """Writes a file, or a folder with everything in it, from the system's cache to the disk.

    Raises
    ------
    OSError
        If the disk refuses; writes that the system had put off fail here at the latest.
    """
    if not path.is_dir():
        _sync_file(path)
        return
    for folder, _, names in os.walk(path):
        for name in names:
            _sync_file(Path(folder, name))
        sync_names(Path(folder))


def sync_names(folder: Path) -> None:
    """Writes the names in a folder to the disk, so that a renamed file keeps its new name."""
    # a folder can be opened on POSIX only, and some network file systems cannot sync one: nothing better exists there
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """Replaces a small file in one step: a kill or a loss of power leaves the old text or the new one."""
    # a fixed name beside it may be someone's file, or a link to one; mkstemp claims a name that nobody has
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            beside.chmod(0o644)  # others, too, are to read whose it is
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_names(path.parent)


def _sync_file(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
