"""Backends that cut, place, read and write other blocks."""

import numpy as np

from rlcore.errors import BackendError
from tests.testing.doubles import Full
from tests.testing.mutants.marks import BLOCKS, OVERRIDE, TRUTH, fails


@fails("full", TRUTH, BLOCKS)
class FullSharesMemory(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._made = {}

    def full(self, shape, value):
        return self._made.setdefault((shape, value), super().full(shape, value))


@fails("cut", "cut_fills_out_and_leaves_the_volume", "read", "read_fills_out", TRUTH, BLOCKS, OVERRIDE)
class CutOffByOneBeyondTheEdge(Full):
    def cut(self, volume, start, shape, *, wrap=False, out=None):
        if not wrap and start[0] < 0:
            start = (start[0] + 1, *start[1:])
        return super().cut(volume, start, shape, wrap=wrap, out=out)


@fails("cut_wraps", "cut_fills_out_and_leaves_the_volume", "read", "read_fills_out", BLOCKS, OVERRIDE)
class CutRepeatsTheEdge(Full):
    def cut(self, volume, start, shape, *, wrap=False, out=None):
        if not wrap:
            return super().cut(volume, start, shape, out=out)
        places = zip(start, shape, volume.shape, strict=True)
        index = np.ix_(*[np.clip(np.arange(at, at + size), 0, n - 1) for at, size, n in places])
        block = np.empty(shape, self.dtype) if out is None else out
        block[...] = volume[index]
        return block


@fails("cut_fills_out_and_leaves_the_volume", BLOCKS)
class CutIsAView(Full):
    def cut(self, volume, start, shape, *, wrap=False, out=None):
        inside = all(at >= 0 and at + size <= n for at, size, n in zip(start, shape, volume.shape, strict=True))
        if inside and out is None:
            return volume[tuple(slice(at, at + size) for at, size in zip(start, shape, strict=True))]
        return super().cut(volume, start, shape, wrap=wrap, out=out)


@fails("paste", "write", TRUTH, BLOCKS, OVERRIDE)
class PasteIgnoresTheSource(Full):
    def paste(self, block, source, volume, target, shape):
        super().paste(block, (0,) * len(shape), volume, target, shape)


@fails("read", "read_fills_out", TRUTH, BLOCKS, OVERRIDE)
class ReadOffByOneBeyondTheEdge(Full):
    def read(self, volume, start, shape, *, wrap=False, out=None):
        if start[-1] < 0:
            start = (*start[:-1], start[-1] + 1)
        return super().read(volume, start, shape, wrap=wrap, out=out)


@fails("read_takes_every_dtype_and_copies")
class ReadIsAView(Full):
    def read(self, volume, start, shape, *, wrap=False, out=None):
        if out is None and volume.dtype == self.dtype and start == (0,) * len(shape) and shape == volume.shape:
            return volume
        return super().read(volume, start, shape, wrap=wrap, out=out)


@fails("read_fills_out", BLOCKS, OVERRIDE)
class ReadLeavesWhatLiesBeyondTheEdge(Full):
    def read(self, volume, start, shape, *, wrap=False, out=None):
        if out is None or wrap:
            return super().read(volume, start, shape, wrap=wrap, out=out)
        inside = [slice(max(0, -at), min(n, size - at)) for at, n, size in zip(start, shape, volume.shape, strict=True)]
        out[tuple(inside)] = super().read(volume, start, shape)[tuple(inside)]
        return out


@fails("write", OVERRIDE)
class WritesSinglePrecisionOnly(Full):
    def write(self, block, source, volume, target, shape):
        if volume.dtype != self.dtype:
            raise BackendError("volume is not of single precision")
        super().write(block, source, volume, target, shape)
