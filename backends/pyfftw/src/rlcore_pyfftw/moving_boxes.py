"""Moving boxes between arrays; threads share the planes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.backend.boxes import runs
from rlcore_pyfftw.layout import Padded, layout_of
from rlcore_pyfftw.team import Team

Run = tuple[slice, slice]
"""Indices along one axis, of the source and of the target."""


def fill(team: Team, source: Volume, array: Padded) -> None:
    """Fill a new array with the voxels of a volume, and its room with 0."""
    batches = array.layout.planes

    def work(numbers: Iterator[int]) -> None:
        for start, stop in (batches[number] for number in numbers):
            array.room[start:stop] = 0
            np.copyto(array.reals[start:stop], source[start:stop], casting="unsafe")

    team.run(work, len(batches))


def copy(team: Team, source: Volume, target: Volume) -> None:
    """Copy a whole volume, converting its type."""
    batches = layout_of(tuple(target.shape)).planes

    def work(numbers: Iterator[int]) -> None:
        for start, stop in (batches[number] for number in numbers):
            np.copyto(target[start:stop], source[start:stop], casting="unsafe")

    team.run(work, len(batches))


def cut(team: Team, volume: Volume, start: Shape, block: Padded, *, wrap: bool) -> None:
    """Fill the block with the voxels of the volume from `start` on; outside it with 0, or the volume repeated."""
    inner = [
        list(runs(at, at + size, n, wrap=wrap))
        for at, size, n in zip(start[1:], block.shape[1:], volume.shape[1:], strict=True)
    ]
    batches = block.layout.planes

    def work(numbers: Iterator[int]) -> None:
        for first, last in (batches[number] for number in numbers):
            axes = [list(runs(start[0] + first, start[0] + last, volume.shape[0], wrap=wrap)), *inner]
            block.room[first:last] = 0
            _clear_around(block.reals[first:last], axes)
            _move(volume, block.reals[first:last], axes)

    team.run(work, len(batches))


def paste(team: Team, block: Padded, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
    """Copy a box of the block into the volume."""
    copy(team, _box(block.reals, source, shape), _box(volume, target, shape))


def mirror(team: Team, array: Padded, out: Padded) -> None:
    """Write the mirror image of an array about voxel 0."""
    batches = array.layout.planes

    def work(numbers: Iterator[int]) -> None:
        for first, last in (batches[number] for number in numbers):
            out.room[first:last] = 0
            inner = [list(_mirrored(0, n, n)) for n in array.shape[1:]]
            _move(array.reals, out.reals[first:last], [list(_mirrored(first, last, array.shape[0])), *inner])

    team.run(work, len(batches))


def _move(source: Volume, target: Volume, axes: list[list[Run]]) -> None:
    for chosen in itertools.product(*axes):
        into = tuple(run[1] for run in chosen)
        np.copyto(target[into], source[tuple(run[0] for run in chosen)], casting="unsafe")


def _clear_around(target: Volume, axes: list[list[Run]]) -> None:
    """Set voxels that no run reaches to 0, before the first and after the last run of each axis."""
    for axis, stretches in enumerate(axes):
        before = (slice(None),) * axis
        low, high = (stretches[0][1].start, stretches[-1][1].stop) if stretches else (0, 0)
        target[(*before, slice(0, low))] = 0
        target[(*before, slice(high, None))] = 0
        target = target[(*before, slice(low, high))]  # the other axes need only clear what this one has not


def _box(array: Volume, start: Shape, shape: Shape) -> Volume:
    return array[tuple(slice(at, at + size) for at, size in zip(start, shape, strict=True))]


def _mirrored(start: int, stop: int, n: int) -> Iterator[Run]:
    """Runs that ``start:stop`` of a mirror image come from: 0 from 0, i from n - i."""
    if start == 0:
        yield slice(0, 1), slice(0, 1)
    low = max(start, 1)
    if low < stop:
        yield slice(n - low, n - stop, -1), slice(low - start, stop - start)
