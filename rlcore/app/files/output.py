"""A result in the making: a new file, or one that an earlier run has begun, filled volume by volume."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rlcore.app.files.description import Description
from rlcore.app.files.destination import check_room, dialect_for
from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.provenance import Provenance
from rlcore.app.files.tiff_output import create_tiff, open_tiff
from rlcore.backend import Volume
from rlcore.blocks import Shape, pieces
from rlcore.errors import InputError
from rlcore.execution.checkpoint import reserve
from rlcore.execution.mapped import release
from rlcore.execution.scan import chunks_of
from rlcore.planner import Plan

_PIECE = 1 << 20
"""Voxels converted at a time, unless a single chunk has more."""


class Output(Protocol):
    """What volumes are written to."""

    def volume(self, place: Place) -> Any:
        """Takes one volume by slices."""
        ...

    def finish(self, place: Place) -> None:
        """The volume is written: bring it to the disk, errors and all, with what is derived from it."""
        ...

    def close(self) -> None:
        """All volumes are written."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a result is to be."""

    output: Path
    """What it will be called."""
    about: Description
    layout: Layout
    dtype: str
    provenance: Provenance
    plan: Plan

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.layout.shape) * np.dtype(self.dtype).itemsize

    def with_step(self, step: float) -> Target:
        """The same, saying what one step of its integers is worth."""
        return replace(self, provenance=replace(self.provenance, step=step))

    def create(self, path: Path) -> Output:
        """A new file or folder, its disk space claimed where that can be."""
        check_room(path.parent, self.size)
        dialect = dialect_for(self.output, self.about, self.size)
        try:
            if dialect == "zarr":
                from rlcore.app.files.zarr_output import ZarrOutput

                return ZarrOutput.create(path, self)
            if dialect == "npy":
                shape = self.layout.shape
                array: Volume = np.lib.format.open_memmap(path, mode="w+", dtype=self.dtype, shape=shape)
                output = Mapped(array, self.layout, self.layout.axes)
            else:
                output = Mapped(*create_tiff(path, self, dialect))
            reserve(path)
        except OSError as error:
            raise InputError(f"output {str(self.output)!r} cannot be written: {error.strerror or error}") from error
        return output

    def reopen(self, path: Path) -> Output:
        """The one that an earlier run has begun."""
        dialect = dialect_for(self.output, self.about, self.size)
        if dialect == "zarr":
            from rlcore.app.files.zarr_output import ZarrOutput

            return ZarrOutput.reopen(path, self)
        if dialect == "npy":
            return Mapped(np.lib.format.open_memmap(path, mode="r+"), self.layout, self.layout.axes)
        return Mapped(*open_tiff(path, self, dialect))


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """A file that is mapped to memory."""

    array: Volume
    layout: Layout
    axes: str

    def volume(self, place: Place) -> Volume:
        volume: Volume = self.array[self.layout.in_result(place, self.axes)]
        return volume

    def finish(self, place: Place) -> None:
        if isinstance(self.array, np.memmap):
            self.array.flush()
        release(self.array)

    def close(self) -> None:
        """Nothing is left to do."""


def step_of(volumes: Output, places: list[Place], dtype: str) -> float:
    """The value of one step, if the maximum of all is to become the largest number of an unsigned type."""
    largest = max(float(plane.max()) for place in places for plane in volumes.volume(place))
    return largest / int(np.iinfo(dtype).max) or 1.0


def to_steps(source: Any, step: float, out: Any) -> None:
    """A volume in whole steps, by whole chunks."""
    shape: Shape = tuple(out.shape)
    for box in pieces(shape, chunks_of(out), _PIECE):
        part = box.slices((0,) * len(shape))
        out[part] = np.rint(source[part] / step)
        release(source)
