"""Volumes in the folder of a checkpoint: files with a checksum for each part, verified before they are used."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rlcore.backend import Box, Volume
from rlcore.execution.durable import claim, open_own, reserve_file, sync_folder, unfinished
from rlcore.execution.volumes.mapped import release, slabs


@dataclass(slots=True, eq=False)
class KeptVolume:
    """A volume of a run, in a .npy file."""

    path: Path
    box: Box
    """The voxels that it holds, in the image's coordinates."""
    dtype: np.dtype[Any]
    parts: dict[int, tuple[Box, int]] = field(default_factory=dict)
    """By number, the parts that are written, each with its checksum."""
    array: Any = None
    """The mapped file; None until it is opened."""
    touched: bool = False
    """True if it was written to since it was brought to the disk."""
    _file: BinaryIO | None = None

    @classmethod
    def from_dict(cls, path: Path, entry: Mapping[str, Any]) -> KeptVolume:
        """The volume that a state describes."""
        start, shape = tuple(entry["start"]), tuple(entry["shape"])
        stop = tuple(a + n for a, n in zip(start, shape, strict=True))
        n, parts = len(shape), {}
        for number, *numbers, checksum in entry["parts"]:
            parts[number] = (Box(tuple(numbers[:n]), tuple(numbers[n:])), checksum)
        return cls(path, Box(start, stop), np.dtype(entry["dtype"]), parts)

    def to_dict(self) -> dict[str, Any]:
        """Everything that a state says of the volume, in types that JSON has."""
        parts = [[number, *box.start, *box.stop, checksum] for number, (box, checksum) in self.parts.items()]
        return {"start": self.box.start, "shape": self.box.shape, "dtype": self.dtype.name, "parts": parts}

    @property
    def is_complete(self) -> bool:
        """True if all of its voxels are written."""
        return self.array is not None and sum(box.size for box, _ in self.parts.values()) == self.box.size

    def make(self, token: str) -> None:
        """Make the file, of zeros, with its disk space; `token` is the checkpoint's own."""
        beside = unfinished(self.path, token)
        with os.fdopen(claim(beside), "r+b") as file:
            header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False}
            np.lib.format.write_array_header_1_0(file, header | {"shape": self.box.shape})
            size = file.tell() + self.box.size * self.dtype.itemsize
            file.truncate(size)
            reserve_file(file, size)  # writing to a mapped file on a full disk would kill the process
            os.fsync(file.fileno())
        if os.path.lexists(self.path):
            raise FileExistsError(f"{self.path.name!r} is there already")
        beside.replace(self.path)
        sync_folder(self.path.parent)
        self._map()

    def open(self) -> None:
        """Open the file, and verify its parts.

        Raises
        ------
        FileNotFoundError
            If it is missing.
        OSError, ValueError
            If it is a link, or not as it was written.
        """
        self._map()
        for box, checksum in self.parts.values():
            if checksum_of(self.array, box.seen_from(self.box)) != checksum:
                raise ValueError("its voxels have been changed")

    def sum_of(self, core: Box) -> tuple[Box, int] | None:
        """The voxels of a block's core, and their checksum; None if the volume has none of them."""
        box = core.intersect(self.box)
        return (box, checksum_of(self.array, box.seen_from(self.box))) if box.size else None

    def sync(self) -> None:
        """Bring all voxels to the disk."""
        if self._file is None:
            return
        if sys.platform != "linux":  # where files and their maps are the same pages
            self.array.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Give the file free."""
        self.array = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _map(self) -> None:
        self._file = os.fdopen(open_own(self.path, write=True), "r+b")
        if np.lib.format.read_magic(self._file) != (1, 0):
            raise ValueError("its header has been changed")
        try:
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(self._file)
        except (OSError, ValueError):
            raise
        except Exception as error:  # NumPy reads it as Python's text, and raises whatever damage leads that to
            raise ValueError("its header has been changed") from error
        first, size = self._file.tell(), os.fstat(self._file.fileno()).st_size
        if (shape, fortran, dtype) != (self.box.shape, False, self.dtype):
            raise ValueError("its header has been changed")
        if size != first + self.box.size * dtype.itemsize:
            raise ValueError(f"it has {size} bytes, not {first + self.box.size * dtype.itemsize}")
        self.array = np.memmap(self._file, dtype, "r+", first, shape)


def checksum_of(array: np.ndarray[Any, Any], box: Box) -> int:
    """The checksum of a part, made of its planes': so these may be taken in any order, by several processors."""
    sums: list[int] = []
    for part in slabs(array, box):
        sums += map(_sum_of_plane, array[part.slices((0,) * len(box.start))])
        release(array)
    return zlib.crc32(np.array(sums, "<u4").data)


def _sum_of_plane(plane: Volume) -> int:
    """A checksum of an array, in a fraction of the time that zlib's takes for all of its bytes.

    It is zlib's of two sets of sums of 8-byte words: those of every row, and those of every column. A value that is
    changed changes one of each, as does one that moves.
    """
    rows = np.atleast_2d(plane)
    words = rows.view("<u8" if rows.shape[-1] * rows.itemsize % 8 == 0 else "<u4")
    columns = zlib.crc32(words.sum(axis=0, dtype="<u8").data)
    return zlib.crc32(words.sum(axis=1, dtype="<u8").data, columns)
