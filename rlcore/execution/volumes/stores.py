"""Stores: volumes of a run, each in one kind of memory.

A store gives any box of its volume as an array on the device (`load`), and takes the core of a block (`save`). Boxes
are in the image's coordinates; `origin` is the position of a store's first voxel in them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from rlcore.backend import Backend, Box, Shape, Volume, overrides, runs
from rlcore.backend.boxes import Block
from rlcore.backend.discovery.containment import called
from rlcore.errors import BackendError
from rlcore.execution.volumes.mapped import release, slabs
from rlcore.execution.volumes.scale import Scale

_SCALED_AT_ONCE = 1 << 18
"""Voxels that are scaled at a time, unless a single plane has more."""

_SLABS = 16
"""A block is cleared along an axis in at least so many slabs, to keep the array of zeros small."""


class Store(Protocol):
    """A volume that blocks are read from and written to."""

    def load(self, box: Box, spare: Any = None) -> Any:
        """The box as a real array on the device, which the caller may write to; 0 or wrapped outside the volume.

        `spare` is an array of the box's shape that is no longer needed; it may be overwritten and returned.
        """
        ...

    def save(self, array: Any, block: Block) -> None:
        """Take the core of a block from its array."""
        ...


class Check(Protocol):
    """Refuses values that may not be saved."""

    def of(self, array: Any, block: Block, whole: Box) -> Callable[[Volume], None] | None:
        """What the saved values of a block have to be shown to; None if its array was checked where it is."""
        ...


class ConstantStore:
    """The constant start of an estimate: one value wherever light may be, 0 elsewhere. It cannot be written."""

    def __init__(self, backend: Backend[Any], domain: Box, value: float, *, wraps: bool) -> None:
        self._backend, self._domain, self._value, self._wraps = backend, domain, value, wraps

    def load(self, box: Box, spare: Any = None) -> Any:
        inside = box if self._wraps else box.intersect(self._domain)
        if inside == box or not inside.size or overrides(self._backend, "full", "paste"):
            block = self._backend.full(box.shape, self._value if inside.size else 0.0)
            if inside != box and inside.size:
                self._clear_around(block, box.shape, inside.seen_from(box))
            return block
        host = np.zeros(box.shape, self._backend.facts.dtype)
        host[inside.slices(box.start)] = self._value
        return self._backend.upload(host)

    def _clear_around(self, block: Any, shape: Shape, inside: Box) -> None:
        """Paste slabs of zeros on all sides, thin ones, which take little memory beside the block."""
        backend, origin = self._backend, (0,) * len(shape)
        for axis, (start, stop, n) in enumerate(zip(inside.start, inside.stop, shape, strict=True)):
            thickest = -(-n // _SLABS)
            for first, last in ((0, start), (stop, n)):
                thickness = min(thickest, last - first)
                slab = backend.full((*shape[:axis], thickness, *shape[axis + 1 :]), 0.0) if thickness > 0 else None
                for at in range(first, last, thickest):
                    part = (*shape[:axis], min(thickest, last - at), *shape[axis + 1 :])
                    backend.paste(slab, origin, block, (*origin[:axis], at, *origin[axis + 1 :]), part)

    def save(self, array: Any, block: Block) -> None:
        raise TypeError("a constant cannot be written")


class DeviceStore:
    """A volume that stays on the device while blocks are cut from it."""

    def __init__(self, backend: Backend[Any], array: Any, origin: Shape, *, wraps: bool) -> None:
        self.array = array
        self._backend, self._origin, self._wraps = backend, origin, wraps

    def load(self, box: Box, spare: Any = None) -> Any:
        start = _minus(box.start, self._origin)
        return self._backend.cut(self.array, start, box.shape, wrap=self._wraps, out=spare)

    def save(self, array: Any, block: Block) -> None:
        source, target = _minus(block.core.start, block.extent.start), _minus(block.core.start, self._origin)
        self._backend.paste(array, source, self.array, target, block.core.shape)


class HostStore:
    """A volume in host memory or behind anything that has `shape` and slicing: a memory map, a zarr array.

    The `offset` is taken off values when they are loaded, and values below the `floor` are raised to it. With a `scale`
    values are multiplied when they are loaded, and divided when they are saved. `check` is asked about every block that
    is saved.

    Pages of a memory map are released after use, so that a large file does not fill the process's memory.
    """

    def __init__(
        self,
        backend: Backend[Any],
        array: Any,
        origin: Shape,
        *,
        wraps: bool,
        offset: float = 0.0,
        floor: float | None = None,
        scale: Scale | None = None,
        check: Check | None = None,
    ) -> None:
        self.array = array
        self._backend, self._origin, self._wraps = backend, origin, wraps
        self._offset, self._floor, self._scale, self._check = offset, floor, scale, check
        self._whole = Box(origin, _plus(origin, tuple(array.shape)))

    def load(self, box: Box, spare: Any = None) -> Any:
        parts = self._slabs(box)
        if len(parts) == 1 or not overrides(self._backend, "full", "paste"):
            block = self._read(box, spare)
        else:
            block = self._backend.full(box.shape, 0.0) if spare is None else spare
            for part in parts:
                slab = self._read(part)
                self._backend.paste(slab, (0,) * len(box.start), block, _minus(part.start, box.start), part.shape)
                release(self.array)
        release(self.array)
        if self._offset and self._scale is None:
            block = self._backend.add(block, -self._offset, out=block)
        return block if self._floor is None else self._backend.clamp(block, self._floor, out=block)

    def save(self, array: Any, block: Block) -> None:
        core = block.core.intersect(self._whole)
        if not core.size:
            return
        if isinstance(self.array, np.ndarray) and self._scale is None:
            self._write(self.array, array, block, core)
            return
        check = self._check_of(array, block)
        for part in self._slabs(core):
            values = fetch(self._backend, array, block.extent, part)
            if check is not None:
                check(values)
            if self._scale is not None:
                values = self._scale.undo(values, np.dtype(self.array.dtype))
            self.array[part.slices(self._origin)] = values
            release(self.array)

    def _write(self, target: Volume, array: Any, block: Block, core: Box) -> None:
        """Have the backend write the core of a block to a NumPy array, and check it there.

        A check by the device comes last, since the host waits for it. A write needs the host first: it prepares the
        memory of a new array while the device still computes.
        """
        for part in self._slabs(core):
            start = _minus(part.start, self._origin)
            self._backend.write(array, _minus(part.start, block.extent.start), target, start, part.shape)
            check = self._check_of(array, block)
            if check is not None:
                check(target[part.slices(self._origin)])
            release(target)

    def _check_of(self, array: Any, block: Block) -> Callable[[Volume], None] | None:
        return None if self._check is None else self._check.of(array, block, self._whole)

    def _slabs(self, box: Box) -> list[Box]:
        """Parts of the box that map little of a file at once; the box itself unless the host's memory would fill.

        Values are scaled a few planes at a time, in double precision.
        """
        if self._scale is not None:
            planes = max(1, _SCALED_AT_ONCE // max(1, math.prod(box.shape[1:])))
            starts = range(box.start[0], box.stop[0], planes)
            return [Box((a, *box.start[1:]), (min(a + planes, box.stop[0]), *box.stop[1:])) for a in starts]
        if self._backend.facts.on_host and isinstance(self.array, np.ndarray):
            return list(slabs(self.array, box))
        return [box]

    def _read(self, box: Box, spare: Any = None) -> Any:
        if isinstance(self.array, np.ndarray) and self._scale is None:
            start = _minus(box.start, self._origin)
            return self._backend.read(self.array, start, box.shape, wrap=self._wraps, out=spare)
        if self._wraps:
            return self._backend.upload(self._repeated(box))
        # one read of what the array has of the box; the device puts zeros around it
        inside = box.intersect(self._whole)
        part = np.asarray(self.array[inside.slices(self._origin)])
        if self._scale is not None:
            part = self._scale.apply(part, self._backend.facts.dtype, self._offset)
        return self._backend.read(part, _minus(box.start, inside.start), box.shape, out=spare)

    def _repeated(self, box: Box) -> Volume:
        """The box of a volume that repeats, one read for each piece of it."""
        host = np.zeros(box.shape, self._backend.facts.dtype)
        ends = zip(box.start, box.stop, self._origin, self._whole.shape, strict=True)
        axes = [list(runs(start - at, stop - at, n, wrap=True)) for start, stop, at, n in ends]
        for choice in itertools.product(*axes):
            part = np.asarray(self.array[tuple(run[0] for run in choice)])
            host[tuple(run[1] for run in choice)] = (
                part if self._scale is None else self._scale.apply(part, host.dtype, self._offset)
            )
        return host


class LoadedStore:
    """A volume of which one box is on the device already, for the first that asks for it."""

    def __init__(self, store: Store, box: Box, array: Any) -> None:
        self._store, self._box, self._array = store, box, array

    def load(self, box: Box, spare: Any = None) -> Any:
        if self._array is None or box != self._box:
            return self._store.load(box, spare)
        array, self._array = self._array, None
        return array

    def save(self, array: Any, block: Block) -> None:
        raise TypeError("an image cannot be written")


def fetch(backend: Backend[Any], array: Any, extent: Box, part: Box) -> Volume:
    """Part of a block's array, which spans `extent`, in host memory."""
    start = _minus(part.start, extent.start)
    if not overrides(backend, "write"):  # the default downloads the whole block, so a part of it needs no other copy
        host = backend.download(array)
        check_shape(backend, host, extent)
        return host[part.slices(extent.start)]
    host = np.empty(part.shape, backend.facts.dtype)
    backend.write(array, start, host, (0,) * len(start), part.shape)
    return host


def check_shape(backend: Backend[Any], array: Any, extent: Box) -> None:
    """Refuse an array of NumPy for a block that has another shape; others are opaque."""
    if isinstance(array, np.ndarray) and array.shape != extent.shape:
        raise BackendError(f"{called(backend)} returned an array of shape {array.shape} for a block of {extent.shape}")


def _minus(a: Shape, b: Shape) -> Shape:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _plus(a: Shape, b: Shape) -> Shape:
    return tuple(x + y for x, y in zip(a, b, strict=True))
