"""Blocks and the volumes that they are cut from and pasted into, as a part of the backend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rlcore.backend import Shape, Volume
from rlcore_reikna import host_volumes
from rlcore_reikna.arrays import Array, Real, Spread, cubic
from rlcore_reikna.on_device import OnDevice


class Volumes(OnDevice):
    """`SupportsResidence`, `SupportsHostVolumes` and `SupportsExpansion`."""

    def full(self, shape: Shape, value: float) -> Array:
        array = self._new(tuple(shape))
        self.fill(array, value)
        return array

    def cut(self, volume: Real, start: Shape, shape: Shape, *, wrap: bool = False, out: Array | None = None) -> Array:
        source = self._dense(volume)
        block = self._target(out, tuple(shape), "real")
        if wrap:
            start = tuple(at % n for at, n in zip(start, source.shape, strict=True))
        (_, *plane), at, whole = cubic(block.shape), cubic(start, fill=0), cubic(source.shape)
        kernel = "cut_wrapped" if wrap else "cut"
        self._program.over(kernel, block.shape, block.buffer, source.buffer, *plane, *at, *whole)
        return block

    def paste(self, block: Real, source: Shape, volume: Array, target: Shape, shape: Shape) -> None:
        part = self._dense(block)
        (_, *plane), at, to = cubic(tuple(shape)), cubic(source, fill=0), cubic(target, fill=0)
        (_, *inner), (_, *outer) = cubic(part.shape), cubic(volume.shape)
        self._program.over("paste", tuple(shape), volume.buffer, part.buffer, *plane, *at, *inner, *to, *outer)

    def read(
        self, volume: Volume, start: Shape, shape: Shape, *, wrap: bool = False, out: Array | None = None
    ) -> Array:
        block = self._target(out, tuple(shape), "real")
        host_volumes.read(self, volume, start, block, wrap=wrap)
        return block

    def write(self, block: Real, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        host_volumes.write(self, self._dense(block), source, volume, target, tuple(shape))

    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> Spread:
        axes = (np.zeros(1, np.int32),) * (3 - len(index)) + index
        memory, transfers = self._runtime.memory, self._runtime.transfers
        places = np.concatenate(axes).astype(np.int32)
        spread = Spread(
            memory.allocate(4 * table.size),
            memory.allocate(places.nbytes),
            cubic(table.shape)[1:],
            tuple(len(axis) for axis in index),
        )
        transfers.upload(table, spread.table)
        transfers.upload(places.view(np.float32), spread.index)
        return spread
