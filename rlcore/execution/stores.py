"""Where volumes live during a run: a constant, host memory or a file, or the device.

A store gives any box of its volume as an array on the device (`load`), and takes the keep of a block (`save`).
Boxes are in the image's coordinates; `origin` is where a store's first voxel lies in them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from rlcore.backend import (
    Backend,
    Shape,
    SupportsHostVolumes,
    SupportsResidence,
    Volume,
    on_host,
    real_dtype,
)
from rlcore.blocks import Block, Box, runs
from rlcore.execution.mapped import release, slabs

_SLABS = 16
"""Pieces that a block is at least cut into where it is cleared along an axis."""


class Store(Protocol):
    """A volume that blocks are read from and written to."""

    @property
    def loads_copies(self) -> bool:
        """Whether what it loads is memory of its own, which may be written to."""
        ...

    def load(self, box: Box, spare: Any = None) -> Any:
        """The box as a real array on the device; outside the volume it is 0, or wraps.

        `spare` is an array of the box's shape that nobody needs any more, which may be what is returned.
        """
        ...

    def save(self, array: Any, block: Block) -> None:
        """Take the part of a block's array that it keeps."""
        ...


class ConstantStore:
    """What an estimate starts as: one value wherever light may be, 0 elsewhere. It cannot be written."""

    loads_copies = True

    def __init__(self, backend: Backend[Any], domain: Box, value: float, *, wraps: bool) -> None:
        self._backend, self._domain, self._value, self._wraps = backend, domain, value, wraps

    def load(self, box: Box, spare: Any = None) -> Any:
        inside = box if self._wraps else box.intersect(self._domain)
        if isinstance(self._backend, SupportsResidence):
            block = self._backend.full(box.shape, self._value if inside.size else 0.0)
            if inside != box and inside.size:
                self._clear_around(block, box.shape, inside.seen_from(box))
            return block
        host = np.zeros(box.shape, real_dtype(self._backend))
        host[inside.slices(box.start)] = self._value
        return self._backend.upload(host)

    def _clear_around(self, block: Any, shape: Shape, inside: Box) -> None:
        """Paste slabs of zeros on all sides, thin ones, which take little memory beside the block."""
        backend: Any = self._backend
        for axis, (start, stop, n) in enumerate(zip(inside.start, inside.stop, shape, strict=True)):
            most = -(-n // _SLABS)
            for first, last in ((0, start), (stop, n)):
                thickness = min(most, last - first)
                slab = backend.full((*shape[:axis], thickness, *shape[axis + 1 :]), 0.0) if thickness > 0 else None
                for at in range(first, last, most):
                    part = (*shape[:axis], min(most, last - at), *shape[axis + 1 :])
                    origin = (0,) * len(shape)
                    backend.paste(slab, origin, block, (*origin[:axis], at, *origin[axis + 1 :]), part)

    def save(self, array: Any, block: Block) -> None:
        raise TypeError("a constant cannot be written")


class DeviceStore:
    """A volume that stays on the device while blocks are cut from it."""

    loads_copies = True

    def __init__(self, backend: Any, array: Any, origin: Shape, *, wraps: bool) -> None:
        self.array = array
        self._backend, self._origin, self._wraps = backend, origin, wraps

    def load(self, box: Box, spare: Any = None) -> Any:
        start = _minus(box.start, self._origin)
        return self._backend.cut(self.array, start, box.shape, wrap=self._wraps, out=spare)

    def save(self, array: Any, block: Block) -> None:
        keep = block.keep
        self._backend.paste(
            array, _minus(keep.start, block.read.start), self.array, _minus(keep.start, self._origin), keep.shape
        )


class HostStore:
    """A volume in host memory or behind anything that has `shape` and slicing: a memory map, a zarr array.

    Pages of a memory map are let go after use, so that a large file does not fill the process's memory.
    """

    def __init__(
        self, backend: Backend[Any], array: Any, origin: Shape, *, wraps: bool, floor: float | None = None
    ) -> None:
        self.array = array
        self._backend, self._origin, self._wraps, self._floor = backend, origin, wraps, floor
        self._shape = tuple(array.shape)

    @property
    def loads_copies(self) -> bool:
        return isinstance(self._backend, SupportsHostVolumes) and isinstance(self.array, np.ndarray)

    def load(self, box: Box, spare: Any = None) -> Any:
        parts = self._slabs(box)
        if len(parts) == 1 or not isinstance(self._backend, SupportsResidence):
            block = self._read(box, spare)
        else:
            block = self._backend.full(box.shape, 0.0) if spare is None else spare
            for part in parts:
                slab = self._read(part)
                self._backend.paste(slab, (0,) * len(box.start), block, _minus(part.start, box.start), part.shape)
                release(self.array)
        release(self.array)
        return block if self._floor is None else self._backend.clamp(block, self._floor, out=block)

    def save(self, array: Any, block: Block) -> None:
        keep = block.keep.intersect(Box(self._origin, _plus(self._origin, self._shape)))
        if not keep.size:
            return
        for part in self._slabs(keep):
            if isinstance(self._backend, SupportsHostVolumes) and isinstance(self.array, np.ndarray):
                source, target = _minus(part.start, block.read.start), _minus(part.start, self._origin)
                self._backend.write(array, source, self.array, target, part.shape)
            else:
                self.array[part.slices(self._origin)] = fetch(self._backend, array, block.read, part)
            release(self.array)

    def _slabs(self, box: Box) -> list[Box]:
        """The box in parts that map little of a file at once, where it is this process's own memory that fills."""
        if on_host(self._backend) and isinstance(self.array, np.ndarray):
            return list(slabs(self.array, box))
        return [box]

    def _read(self, box: Box, spare: Any = None) -> Any:
        if isinstance(self._backend, SupportsHostVolumes) and isinstance(self.array, np.ndarray):
            start = _minus(box.start, self._origin)
            return self._backend.read(self.array, start, box.shape, wrap=self._wraps, out=spare)
        pieces = list(_pieces(box, self._origin, self._shape, wraps=self._wraps))
        if len(pieces) == 1 and (_covers(pieces[0][1], box.shape) or isinstance(self._backend, SupportsResidence)):
            return self._load_piece(*pieces[0], box.shape)
        return self._backend.upload(self._assemble(pieces, box.shape))

    def _load_piece(self, source: tuple[slice, ...], target: tuple[slice, ...], shape: Shape) -> Any:
        """One stretch of the volume, as it lies there; the device puts zeros around it."""
        part = self._backend.upload(np.asarray(self.array[source]))
        if _covers(target, shape):
            return part
        assert isinstance(self._backend, SupportsResidence)
        return self._backend.cut(part, tuple(-t.start for t in target), shape)

    def _assemble(self, pieces: list[tuple[tuple[slice, ...], tuple[slice, ...]]], shape: Shape) -> Volume:
        host = np.zeros(shape, real_dtype(self._backend))
        for source, target in pieces:
            host[target] = self.array[source]
        return host


class LoadedStore:
    """A volume of which one box is on the device already, for the first that asks for it."""

    def __init__(self, store: Store, box: Box, array: Any) -> None:
        self._store, self._box, self._array = store, box, array
        self.loads_copies = store.loads_copies

    def load(self, box: Box, spare: Any = None) -> Any:
        if self._array is None or box != self._box:
            return self._store.load(box, spare)
        array, self._array = self._array, None
        return array

    def save(self, array: Any, block: Block) -> None:
        raise TypeError("an image cannot be written")


def fetch(backend: Backend[Any], array: Any, read: Box, keep: Box) -> Volume:
    """Part of a block's array, in host memory."""
    if isinstance(backend, SupportsResidence):
        return backend.download(backend.cut(array, _minus(keep.start, read.start), keep.shape))
    return backend.download(array)[keep.slices(read.start)]


def _covers(target: tuple[slice, ...], shape: Shape) -> bool:
    return all(t.start == 0 and t.stop == n for t, n in zip(target, shape, strict=True))


def _pieces(
    box: Box, origin: Shape, shape: Shape, *, wraps: bool
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Slices of a volume, and where in the box they go."""
    axes = [
        list(runs(a - o, b - o, n, wrap=wraps)) for a, b, o, n in zip(box.start, box.stop, origin, shape, strict=True)
    ]
    for chosen in itertools.product(*axes):
        yield tuple(run[0] for run in chosen), tuple(run[1] for run in chosen)


def _minus(a: Shape, b: Shape) -> Shape:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _plus(a: Shape, b: Shape) -> Shape:
    return tuple(x + y for x, y in zip(a, b, strict=True))
