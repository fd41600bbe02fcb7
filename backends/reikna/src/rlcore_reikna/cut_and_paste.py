"""Blocks, cut from volumes on the device or in host memory and pasted into them."""

from __future__ import annotations

import itertools

from rlcore.backend import Shape, Volume, runs
from rlcore_reikna.device_arrays import Array, DeviceArrays, Real
from rlcore_reikna.shapes import cubic


class CutAndPaste(DeviceArrays):
    """Moves boxes of voxels between volumes; of a host array only voxels inside it cross the bus."""

    def cut(self, volume: Real, start: Shape, shape: Shape, *, wrap: bool = False, out: Array | None = None) -> Array:
        source = self._dense(volume)
        block = self._target(out, tuple(shape), "real")
        if wrap:  # the kernel takes a remainder, which in C is negative for negative positions
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
        ends = zip(start, shape, volume.shape, strict=True)
        axes = (list(runs(at, at + size, n, wrap=wrap)) for at, size, n in ends)
        boxes = [tuple(zip(*stretches, strict=True)) for stretches in itertools.product(*axes)]
        if len(boxes) == 1 and all(part.stop - part.start == n for part, n in zip(boxes[0][1], shape, strict=True)):
            return self.upload(volume[boxes[0][0]], out=block)
        self._fill(block, 0.0)
        for inside, place in boxes:
            part = self.upload(volume[inside])
            self.paste(part, (0,) * len(shape), block, tuple(at.start for at in place), part.shape)
        return block

    def write(self, block: Real, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        # cut on the device first, so that only these voxels cross the bus
        part = block if tuple(shape) == block.shape else self.cut(block, source, shape)
        self.download(part, out=volume[tuple(slice(at, at + size) for at, size in zip(target, shape, strict=True))])
