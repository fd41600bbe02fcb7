"""Stamps and checksums of files: by which a run that is resumed knows its inputs, and what it has written."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from rlcore.execution.durable import open_own

_PIECE = 1 << 20
"""Bytes that are read at a time."""


def stamp(paths: Iterable[Path], root: Path) -> str:
    """Returns a digest of the names, sizes and times of files."""
    digest = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        digest.update(f"{os.path.relpath(path, root)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def files_in(path: Path) -> Iterator[Path]:
    """Yields a file, or all files in a folder, in an order that depends on their names alone; links are followed."""
    if not path.is_dir():
        yield path
        return
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        stat = Path(folder).stat()
        if (stat.st_dev, stat.st_ino) in seen:  # a link to a folder above it
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names))


def sum_of_files(paths: Iterable[Path], root: Path) -> int:
    """Returns a checksum of the names and the bytes of files, which are read as they are, not decoded."""
    checksum = 0
    for path in paths:
        checksum = zlib.crc32(os.path.relpath(path, root).encode() + b"\0", checksum)
        checksum = sum_of_bytes(path, 0, path.stat().st_size, checksum)
    return checksum


def sum_of_bytes(path: Path, start: int, stop: int, checksum: int = 0) -> int:
    """Continues a checksum by a part of a file.

    Raises
    ------
    OSError
        If it is a link or no regular file.
    """
    with os.fdopen(open_own(path), "rb") as file:
        file.seek(start)
        while piece := file.read(max(0, min(_PIECE, stop - file.tell()))):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def metadata_frame(group: Path) -> list[int]:
    """Returns a checksum of the metadata of the arrays in a Zarr group, whose own change when it is complete."""
    paths = sorted(group.glob("*/zarr.json"))
    return [len(paths), sum_of_files(paths, group)]


def clear_partial(path: Path) -> None:
    """Removes files of a Zarr of ours whose writing was cut short; the library gives each a name of its own."""
    if path.is_dir():
        for partial in path.rglob("*.partial"):
            partial.unlink()
