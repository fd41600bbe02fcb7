"""Names of metadata files, by which a folder is known as a Zarr."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, Self

SIGNS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
METADATA = (*SIGNS, ".zmetadata")


class Folder(Protocol):
    """A folder or a file, on this machine or elsewhere, as a path offers it."""

    @property
    def name(self) -> str: ...
    def __truediv__(self, name: str, /) -> Self: ...
    def iterdir(self) -> Iterator[Self]: ...
    def is_dir(self) -> bool: ...
    def is_file(self) -> bool: ...
    def exists(self) -> bool: ...
    def read_bytes(self) -> bytes: ...


def is_zarr(folder: Folder) -> bool:
    """Returns whether a folder is a Zarr of version 2 or 3."""
    return any((folder / name).exists() for name in SIGNS)
