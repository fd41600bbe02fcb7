"""Moving boxes between arrays on the device."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from rlcore.backend import Shape
from rlcore.backend.boxes import runs
from rlcore_cupy.layout import Padded

Run = tuple[slice, slice]
"""Along one axis: where to take from, and where it goes."""


def boxes(
    start: Shape, shape: Shape, inside: Shape, *, wrap: bool
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Boxes of a volume of shape `inside`, and where they go in a block that begins at `start`."""
    axes = [list(runs(at, at + size, n, wrap=wrap)) for at, size, n in zip(start, shape, inside, strict=True)]
    for choice in itertools.product(*axes):
        yield tuple(run[0] for run in choice), tuple(run[1] for run in choice)


def covers(start: Shape, shape: Shape, inside: Shape, *, wrap: bool) -> bool:
    """Whether boxes fill the whole block."""
    return wrap or all(at >= 0 and at + size <= n for at, size, n in zip(start, shape, inside, strict=True))


def cut(volume: Padded, start: Shape, block: Padded, *, wrap: bool) -> None:
    """Fill the block with what the volume holds from `start` on; 0 outside it, or the volume repeated."""
    if not covers(start, block.shape, volume.shape, wrap=wrap):
        block.buffer.fill(0)
    for source, target in boxes(start, block.shape, volume.shape, wrap=wrap):
        block.reals[target] = volume.reals[source]


def paste(block: Padded, source: Shape, volume: Padded, target: Shape, shape: Shape) -> None:
    """Copy a box of the block into the volume."""
    volume.reals[_box(target, shape)] = block.reals[_box(source, shape)]


def mirror(array: Padded, out: Padded) -> None:
    """Write the mirror image about voxel 0."""
    for choice in itertools.product(*(list(_mirrored(n)) for n in array.shape)):
        out.reals[tuple(run[1] for run in choice)] = array.reals[tuple(run[0] for run in choice)]


def _mirrored(n: int) -> Iterator[Run]:
    yield slice(0, 1), slice(0, 1)
    if n > 1:
        yield slice(n - 1, 0, -1), slice(1, n)


def _box(start: Shape, shape: Shape) -> Any:
    return tuple(slice(at, at + size) for at, size in zip(start, shape, strict=True))
