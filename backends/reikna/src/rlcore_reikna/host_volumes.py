"""Boxes of host arrays as blocks on the device, and back: only what lies inside the array crosses the bus."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

from rlcore.backend import Shape, Volume

Run = tuple[slice, slice]
"""Along one axis: where to take from, and where it goes."""


class Device(Protocol):
    """What moving boxes takes of a backend."""

    def upload(self, volume: Volume, *, out: Any = None) -> Any: ...
    def download(self, array: Any, *, out: Volume | None = None) -> Volume: ...
    def fill(self, array: Any, value: float) -> None: ...
    def cut(self, volume: Any, start: Shape, shape: Shape) -> Any: ...
    def paste(self, block: Any, source: Shape, volume: Any, target: Shape, shape: Shape) -> None: ...


def read(device: Device, volume: Volume, start: Shape, block: Any, *, wrap: bool) -> None:
    """Fill a block with what the array holds from `start` on; 0 outside it, or the array repeated."""
    shape = block.shape
    axes = (list(_runs(at, at + size, n, wrap=wrap)) for at, size, n in zip(start, shape, volume.shape, strict=True))
    boxes = [tuple(zip(*runs, strict=True)) for runs in itertools.product(*axes)]
    if len(boxes) == 1 and all(part.stop - part.start == n for part, n in zip(boxes[0][1], shape, strict=True)):
        device.upload(volume[boxes[0][0]], out=block)
        return
    device.fill(block, 0.0)
    for source, target in boxes:
        part = device.upload(volume[source])
        device.paste(part, (0,) * len(shape), block, tuple(at.start for at in target), part.shape)


def write(device: Device, block: Any, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
    """A box of the block into the array."""
    part = block if shape == block.shape else device.cut(block, source, shape)
    device.download(part, out=volume[tuple(slice(at, at + size) for at, size in zip(target, shape, strict=True))])


def _runs(start: int, stop: int, n: int, *, wrap: bool) -> Iterator[Run]:
    """The stretches of ``start:stop`` that lie in ``0:n``, or in its repetitions."""
    at, end = (start, stop) if wrap else (max(start, 0), min(stop, n))
    while at < end:
        length = min(n - at % n, end - at)
        yield slice(at % n, at % n + length), slice(at - start, at - start + length)
        at += length
