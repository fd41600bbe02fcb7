"""Output files, created by a run or reopened by a resumed run, and filled volume by volume."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.provenance import Provenance
from rlcore.app.files.metadata.voxel import Dialect
from rlcore.app.files.remote.url import Location
from rlcore.app.files.tiff.output import create_tiff, open_tiff
from rlcore.app.files.writing.destination import dialect_for
from rlcore.app.files.writing.mapped_output import Mapped
from rlcore.app.files.writing.pyramid import Factors, level_factors, level_shape
from rlcore.app.files.zarr.zip_archive import ENTRY, becomes_archive
from rlcore.backend import Volume
from rlcore.backend.boxes import Shape, pieces
from rlcore.errors import InputError
from rlcore.execution.durable import reserve
from rlcore.execution.volumes.mapped import release
from rlcore.execution.volumes.statistics import chunks_of
from rlcore.planner import Plan

_PIECE = 1 << 20
"""Number of voxels converted at a time; more if a single chunk is larger."""

_HEADER, _PAGE = 1 << 16, 1 << 10
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
        """Returns what `frame_intact` compares: of a file its size, where the voxels of each level begin and end, and
        a checksum of all beside them; of a folder a checksum of its arrays' metadata.
        """
        ...

    def close(self, target: Target) -> None:
        """Completes the file after its last volume, with the metadata of `target`, which may be known better by now."""
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
        volume = self.layout.volume_shape
        levels = sum(math.prod(level_shape(volume, each)) for each in self.levels)
        voxels = self.size * levels // math.prod(volume)
        if self.dialect == "zarr":
            return 2 * voxels + voxels // _CHUNK * ENTRY if becomes_archive(self.output) else voxels
        planes = math.prod(self.layout.shape[:-2]) * len(self.levels)
        # metadata of the image are kept, and may become longer as they are written
        return voxels + _HEADER + planes * _PAGE + 2 * len(repr(self.about.rest))

    @property
    def dialect(self) -> Dialect:
        """Format of the result."""
        return dialect_for(self.output, self.about, self.size)

    @property
    def levels(self) -> list[Factors]:
        """Downsampling factors of each level, beginning with the result itself."""
        volume, voxel = self.layout.volume_shape, self.about.voxel
        axes = "ZYX"[-len(volume) :]
        if self.dialect == "zarr":
            one_unit = len({voxel.units.get(axis) for axis in axes}) == 1
            return level_factors(volume, [voxel.sizes.get(axis) if one_unit else voxel.metres(axis) for axis in axes])
        # a plane of OME-TIFF has coarser planes, and no coarser stacks
        return level_factors(volume, [None] * len(axes)) if self.dialect == "ome" else [(1,) * len(axes)]

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
        dialect = self.dialect
        try:
            if dialect == "zarr":
                from rlcore.app.files.zarr.output import ZarrOutput

                return ZarrOutput.create(path, self)
            if dialect == "npy":
                shape = self.layout.shape
                array: Volume = np.lib.format.open_memmap(path, mode="w+", dtype=self.dtype, shape=shape)
                output = Mapped(path, [array], self.layout, self.layout.axes)
            else:
                output = Mapped(path, *create_tiff(path, self, dialect), dialect, self.provenance)
            # writing to a mapped file on a full disk kills the process by SIGBUS; reserving fails cleanly
            reserve(path)
        except OSError as error:
            raise InputError(f"output {str(self.output)!r} cannot be written: {error.strerror or error}") from error
        return output

    def reopen(self, path: Path) -> Output:
        """Reopens a file that an earlier run has created."""
        dialect = self.dialect
        if dialect == "zarr":
            from rlcore.app.files.zarr.output import ZarrOutput

            return ZarrOutput.reopen(path, self)
        if dialect == "npy":
            return Mapped(path, [np.lib.format.open_memmap(path, mode="r+")], self.layout, self.layout.axes)
        return Mapped(path, *open_tiff(path, self, dialect), dialect, self.provenance)


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
