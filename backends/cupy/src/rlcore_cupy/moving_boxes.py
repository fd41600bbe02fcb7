"""Boxes moved between arrays on the device, and between them and host memory, as a part of the backend."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from rlcore.backend import Shape, Volume, runs
from rlcore_cupy.arrays import Array, Padded
from rlcore_cupy.base import DeviceBackend, on_device


class MovingBoxes(DeviceBackend):
    """Volumes of any shape, and blocks that are cut from them and pasted into them."""

    @on_device
    def full(self, shape: Shape, value: float) -> Padded:
        # frees the operands of pending steps, before the result takes memory
        self._transforms.flush_all()
        array = Padded(tuple(shape))
        array.buffer.fill(value)
        return array

    @on_device
    def cut(self, volume: Array, start: Shape, shape: Shape, *, wrap: bool = False, out: Array | None = None) -> Padded:
        block, whole = self._real_target(out, tuple(shape)), self._voxels(volume)
        _clear_outside(block, start, whole.shape, wrap=wrap)
        for source, target in boxes(start, shape, whole.shape, wrap=wrap):
            block.reals[target] = whole.reals[source]
        return block

    @on_device
    def paste(self, block: Array, source: Shape, volume: Array, target: Shape, shape: Shape) -> None:
        whole = self._voxels(volume)
        # voxels outside the box stay, so their pending step has run before
        self._transforms.before_writing(whole)
        whole.reals[_slices(target, shape)] = self._voxels(block).reals[_slices(source, shape)]

    @on_device
    def read(
        self, volume: Volume, start: Shape, shape: Shape, *, wrap: bool = False, out: Array | None = None
    ) -> Padded:
        block = self._real_target(out, tuple(shape))
        _clear_outside(block, start, volume.shape, wrap=wrap)
        for source, target in boxes(start, shape, volume.shape, wrap=wrap):
            self._transfers.to_device(volume[source], block.reals[target])
        return block

    @on_device
    def write(self, block: Array, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        self._transfers.to_host(self._voxels(block).reals[_slices(source, shape)], volume[_slices(target, shape)])

    @on_device
    def flip(self, array: Array) -> Padded:
        mirrored, whole = Padded(array.shape), self._voxels(array)
        for choice in itertools.product(*(list(_mirrored(n)) for n in array.shape)):
            mirrored.reals[tuple(run[1] for run in choice)] = whole.reals[tuple(run[0] for run in choice)]
        return mirrored


def boxes(
    start: Shape, shape: Shape, inside: Shape, *, wrap: bool
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Boxes of a volume of shape `inside`, and their places in a block that begins at `start`."""
    axes = [list(runs(at, at + size, n, wrap=wrap)) for at, size, n in zip(start, shape, inside, strict=True)]
    for choice in itertools.product(*axes):
        yield tuple(run[0] for run in choice), tuple(run[1] for run in choice)


def covers(start: Shape, shape: Shape, inside: Shape, *, wrap: bool) -> bool:
    """True if the boxes fill the whole block."""
    return wrap or all(at >= 0 and at + size <= n for at, size, n in zip(start, shape, inside, strict=True))


def _clear_outside(block: Padded, start: Shape, inside: Shape, *, wrap: bool) -> None:
    """Fill a block with 0 if it reaches outside the volume that it is cut from."""
    if not covers(start, block.shape, inside, wrap=wrap):
        block.buffer.fill(0)


def _mirrored(n: int) -> Iterator[tuple[slice, slice]]:
    """Along one axis: voxels, and the place of their mirror images about voxel 0."""
    yield slice(0, 1), slice(0, 1)
    if n > 1:
        yield slice(n - 1, 0, -1), slice(1, n)


def _slices(start: Shape, shape: Shape) -> Any:
    return tuple(slice(at, at + size) for at, size in zip(start, shape, strict=True))
