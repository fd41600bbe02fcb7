"""Output files, created by a run or reopened by a resumed run, and filled volume by volume."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rlcore.app.files.description import Description
from rlcore.app.files.destination import dialect_for
from rlcore.app.files.durable import sync_tree
from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.provenance import Provenance
from rlcore.app.files.pyramid import level_factors, level_shape
from rlcore.app.files.remote.url import Location
from rlcore.app.files.stamps import metadata_frame, sum_of_bytes
from rlcore.app.files.tiff_output import create_tiff, open_tiff
from rlcore.app.files.zip_archive import ENTRY, becomes_archive
from rlcore.backend import Volume
from rlcore.backend.boxes import Box, Shape, pieces
from rlcore.errors import InputError
from rlcore.execution.durable import reserve
from rlcore.execution.volumes.kept import checksum_of
from rlcore.execution.volumes.mapped import release
from rlcore.execution.volumes.statistics import chunks_of
from rlcore.planner import Plan

_PIECE = 1 << 20
"""Number of voxels converted at a time; more if a single chunk is larger."""

_HEADER, _PAGE = 1 << 16, 1 << 9
"""Bytes of a file beside its voxels, without metadata of the image, and of the entries of each plane of a TIFF."""


_CHUNK = 1 << 16
"""Bytes of a small chunk, by which entries of an archive are counted."""


class Output(Protocol):
    """An output file that volumes are written to."""

    def volume(self, place: Place) -> Any:
        """Returns an object that takes the voxels of one volume by slices."""
        ...

    def finish(self, place: Place) -> None:
        """Derives coarser levels from a complete volume, and writes all of it to the disk, raising pending errors."""
        ...

    def checksum(self, place: Place) -> int:
        """Returns the checksum of a complete volume, with its coarser levels, as the disk has it."""
        ...

    def frame(self) -> list[int]:
        """Returns what `frame_intact` compares: of a file its size, where its voxels begin and end, and a checksum of
        all beside them; of a folder a checksum of its arrays' metadata.
        """
        ...

    def close(self) -> None:
        """Completes the file after its last volume."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Description of a result before it is written."""

    output: Location
    """Final path or URL; the file is written under another name."""
    about: Description
    layout: Layout
    dtype: str
    provenance: Provenance
    plan: Plan

    @property
    def size(self) -> int:
        """Size of the voxels in bytes."""
        return math.prod(self.layout.shape) * np.dtype(self.dtype).itemsize

    @property
    def disk(self) -> int:
        """Size of the result on the disk in bytes: the voxels, with a header or coarser levels as the format has them.

        A header is counted generously, and the folder that an archive is packed from as well.
        """
        if dialect_for(self.output, self.about, self.size) != "zarr":
            planes = math.prod(self.layout.shape[:-2])
            # metadata of the image are kept, and may become longer as they are written
            return self.size + _HEADER + planes * _PAGE + 2 * len(repr(self.about.rest))
        volume = self.layout.volume_shape
        levels = level_factors(volume, [self.about.voxel.sizes.get(axis) for axis in "ZYX"[-len(volume) :]])
        whole = self.size * sum(math.prod(level_shape(volume, each)) for each in levels) // math.prod(volume)
        return 2 * whole + whole // _CHUNK * ENTRY if becomes_archive(self.output) else whole

    def with_step(self, step: float) -> Target:
        """Returns the target with the value of one step of its integers in its provenance."""
        return replace(self, provenance=replace(self.provenance, step=step))

    def create(self, path: Path) -> Output:
        """Creates a new file or folder, and reserves its disk space if the file system can.

        Raises
        ------
        InputError
            If the file cannot be created.
        """
        dialect = dialect_for(self.output, self.about, self.size)
        try:
            if dialect == "zarr":
                from rlcore.app.files.zarr_output import ZarrOutput

                return ZarrOutput.create(path, self)
            if dialect == "npy":
                shape = self.layout.shape
                array: Volume = np.lib.format.open_memmap(path, mode="w+", dtype=self.dtype, shape=shape)
                output = Mapped(path, array, self.layout, self.layout.axes)
            else:
                output = Mapped(path, *create_tiff(path, self, dialect))
            # writing to a mapped file on a full disk kills the process by SIGBUS; reserving fails cleanly
            reserve(path)
        except OSError as error:
            raise InputError(f"output {str(self.output)!r} cannot be written: {error.strerror or error}") from error
        return output

    def reopen(self, path: Path) -> Output:
        """Reopens a file that an earlier run has created."""
        dialect = dialect_for(self.output, self.about, self.size)
        if dialect == "zarr":
            from rlcore.app.files.zarr_output import ZarrOutput

            return ZarrOutput.reopen(path, self)
        if dialect == "npy":
            return Mapped(path, np.lib.format.open_memmap(path, mode="r+"), self.layout, self.layout.axes)
        return Mapped(path, *open_tiff(path, self, dialect))


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """An output file that is mapped to memory."""

    path: Path
    array: Volume
    layout: Layout
    axes: str

    def volume(self, place: Place) -> Volume:
        volume: Volume = self.array[self.layout.in_result(place, self.axes)]
        return volume

    def finish(self, place: Place) -> None:
        if isinstance(self.array, np.memmap):
            self.array.flush()
        # the system keeps the length of a file and its place on the disk, too, in its cache
        sync_tree(self.path)
        release(self.array)  # else pages of all volumes written so far count as memory of the process

    def checksum(self, place: Place) -> int:
        volume = self.volume(place)
        return checksum_of(volume, Box((0,) * volume.ndim, volume.shape))

    def frame(self) -> list[int]:
        first = int(self.array.offset) if isinstance(self.array, np.memmap) else 0
        return _frame(self.path, first, first + self.array.nbytes)

    def close(self) -> None:
        """Does nothing: every volume is on disk already."""


def frame_intact(path: Path, frame: list[int]) -> bool:
    """Returns whether everything beside the voxels of an output is as it was; nothing of it is decoded.

    Raises
    ------
    OSError
        If it cannot be read, or is a link.
    """
    if path.is_dir():
        return metadata_frame(path) == frame
    _, first, stop, _ = frame
    return _frame(path, first, stop) == frame


def _frame(path: Path, first: int, stop: int) -> list[int]:
    size = path.stat().st_size
    return [size, first, stop, sum_of_bytes(path, stop, size, sum_of_bytes(path, 0, first))]


def step_of(volumes: Output, places: list[Place], dtype: str) -> float:
    """Returns the value of one step that maps the maximum over all volumes to the largest number of `dtype`."""
    largest = max(float(plane.max()) for place in places for plane in volumes.volume(place))
    return largest / int(np.iinfo(dtype).max) or 1.0  # an image of zeros has no scale


def to_steps(source: Any, step: float, out: Any) -> None:
    """Writes a volume in whole steps, by whole chunks, so that none is encoded twice."""
    shape: Shape = tuple(out.shape)
    for box in pieces(shape, chunks_of(out), _PIECE):
        part = box.slices((0,) * len(shape))
        out[part] = np.rint(source[part] / step)
        release(source)
