"""Blocks and the volumes that they are cut from and pasted into, as a part of the backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Shape, Volume
from rlcore_cupy import placement
from rlcore_cupy.elementwise import Spread
from rlcore_cupy.layout import Padded
from rlcore_cupy.place import Place
from rlcore_cupy.transfers import Transfers
from rlcore_cupy.transforms import Transforms


class Volumes:
    """`SupportsResidence`, `SupportsHostVolumes` and `SupportsExpansion`."""

    _place: Place
    _transforms: Transforms
    _transfers: Transfers

    def _padded(self, array: Any) -> Padded:
        raise NotImplementedError

    def _real_target(self, out: Any, shape: Shape) -> Padded:
        raise NotImplementedError

    def full(self, shape: Shape, value: float) -> Padded:
        with self._place.here():
            self._transforms.finish()  # which frees what it needed
            array = Padded(tuple(shape))
            array.buffer.fill(value)
            return array

    def cut(self, volume: Any, start: Shape, shape: Shape, *, wrap: bool = False, out: Any = None) -> Padded:
        with self._place.here():
            block = self._real_target(out, tuple(shape))
            placement.cut(self._padded(volume), start, block, wrap=wrap)
            return block

    def paste(self, block: Any, source: Shape, volume: Any, target: Shape, shape: Shape) -> None:
        with self._place.here():
            self._transforms.before_writing(self._padded(volume))
            placement.paste(self._padded(block), source, self._padded(volume), target, shape)

    def read(self, volume: Volume, start: Shape, shape: Shape, *, wrap: bool = False, out: Any = None) -> Padded:
        with self._place.here():
            block = self._real_target(out, tuple(shape))
            if not placement.covers(start, shape, volume.shape, wrap=wrap):
                block.buffer.fill(0)
            for source, target in placement.boxes(start, shape, volume.shape, wrap=wrap):
                self._transfers.to_device(volume[source], block.reals[target])
            return block

    def write(self, block: Any, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        with self._place.here():
            part = self._padded(block).reals[tuple(slice(a, a + n) for a, n in zip(source, shape, strict=True))]
            self._transfers.to_host(part, volume[tuple(slice(a, a + n) for a, n in zip(target, shape, strict=True))])

    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> Spread:
        with self._place.here():
            return Spread.of(table, index)
