"""Outputs that are mapped to memory: a TIFF or a .npy, and what tells whether one is as it was when it was stopped."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.metadata.provenance import Provenance
from rlcore.app.files.metadata.voxel import Dialect
from rlcore.app.files.tiff.output import describe_again
from rlcore.app.files.writing.durable import sync_tree
from rlcore.app.files.writing.pyramid import coarsen
from rlcore.app.files.writing.stamps import metadata_frame, sum_of_bytes
from rlcore.backend import Volume
from rlcore.backend.boxes import Box
from rlcore.execution.volumes.kept import checksum_of
from rlcore.execution.volumes.mapped import release

if TYPE_CHECKING:
    from rlcore.app.files.writing.output import Target


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """An output file that is mapped to memory."""

    path: Path
    levels: list[Volume]
    """The voxels, followed by their coarser levels."""
    layout: Layout
    axes: str
    dialect: Dialect = "npy"
    provenance: Provenance | None = None
    """Provenance in the file's metadata; None if the format has no place for it."""

    def volume(self, place: Place) -> Volume:
        return self._levels(place)[0]

    def _levels(self, place: Place) -> list[Volume]:
        index = self.layout.in_result(place, self.axes)
        return [level[index] for level in self.levels]

    def finish(self, place: Place) -> None:
        levels = self._levels(place)
        for fine, coarse in itertools.pairwise(levels):
            coarsen(fine, coarse, tuple(-(-n // m) for n, m in zip(fine.shape, coarse.shape, strict=True)))
        for array in self.levels:
            if isinstance(array, np.memmap):
                array.flush()
        # the system keeps the length of a file and its place on the disk, too, in its cache
        sync_tree(self.path)
        for array in self.levels:
            release(array)  # else pages of all volumes written so far count as memory of the process

    def checksum(self, place: Place) -> int:
        sums = [checksum_of(volume, Box((0,) * volume.ndim, volume.shape)) for volume in self._levels(place)]
        return sums[0] if len(sums) == 1 else zlib.crc32(repr(sums).encode())

    def frame(self) -> list[int]:
        firsts = [int(array.offset) if isinstance(array, np.memmap) else 0 for array in self.levels]
        spans = [(first, first + array.nbytes) for first, array in zip(firsts, self.levels, strict=True)]
        return _frame(self.path, [end for span in spans for end in span])

    def close(self, target: Target) -> None:
        """Writes the metadata anew if the provenance is another one by now; every volume is on disk already."""
        if self.provenance not in (None, target.provenance):
            describe_again(self.path, target, self.dialect, self.axes)
            sync_tree(self.path)


def frame_intact(path: Path, frame: list[int]) -> bool:
    """Returns whether everything beside the voxels of an output is as it was; nothing of it is decoded.

    Raises
    ------
    OSError
        If it cannot be read, or is a link.
    """
    if path.is_dir():
        return metadata_frame(path) == frame
    _, *ends, _ = frame
    return _frame(path, ends) == frame


def _frame(path: Path, ends: list[int]) -> list[int]:
    """Returns the size of a file, the beginning and end of each span of voxels, and a checksum of all beside them."""
    size, checksum = path.stat().st_size, 0
    for start, stop in zip([0, *ends[1::2]], [*ends[::2], size], strict=True):
        checksum = sum_of_bytes(path, start, stop, checksum)
    return [size, *ends, checksum]
