"""Results of a run: an array of the caller's, a new one on the host, or one that stays on the device."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import array_api_compat
import numpy as np

from rlcore.backend import Backend, Box, Interchange, Shape, Streams, Volume, overrides
from rlcore.backend.boxes import Block, pieces
from rlcore.backend.discovery.containment import called
from rlcore.backend.host.memory import processors
from rlcore.errors import BackendError
from rlcore.execution.durable import reserve_file
from rlcore.execution.volumes.scale import Scale
from rlcore.execution.volumes.statistics import chunks_of, measures_on_device
from rlcore.execution.volumes.stores import DeviceStore, HostStore, fetch

_PIECE = 1 << 20
"""Voxels copied from a file to the caller's array, or checked, at a time, unless a single chunk has more."""
_FEW = 1 << 23
"""Voxels that one processor checks before others have begun."""

_INFINITY = np.float32(np.inf).view(np.uint32)


class Result(Protocol):
    """A store for the result, which hands it to the caller in the end."""

    def load(self, box: Box, spare: Any = None) -> Any: ...
    def save(self, array: Any, block: Block) -> None: ...
    def finish(self) -> Any: ...
    def close(self) -> None: ...


def result_for(
    backend: Backend[Any],
    shape: Shape,
    out: Any,
    *,
    native: bool,
    scale: Scale | None = None,
    overlaps: bool = False,
    scratch: Path | None = None,
) -> Result:
    """The result that fits the call: in `out`, as an array of the backend's library if `native`, or a NumPy array.

    `scale` is the image's. `overlaps` says that writing to `out` changes the image or the start; the result of several
    blocks then waits in a file in `scratch`.
    """
    if out is None:
        return DeviceResult(backend, shape, scale) if native else NewResult(backend, shape, scale)
    return OverlappingResult(backend, out, scale, scratch) if overlaps else ArrayResult(backend, out, scale)


class ArrayResult(HostStore):
    """A result in an array that the caller gave."""

    def __init__(self, backend: Backend[Any], array: Any, scale: Scale | None = None) -> None:
        check = _Check(backend)
        super().__init__(backend, array, (0,) * len(array.shape), wraps=False, scale=scale, check=check)

    def finish(self) -> Any:
        return self.array

    def close(self) -> None:
        pass


class OverlappingResult:
    """A result in an array whose memory is also the image's or the start's.

    A whole volume is written when everything has been read. Blocks are not: those that come later read voxels around
    their cores, and a run that goes on by a smaller plan reads all of the image again. So their result is collected in
    a file, which has no name and vanishes with the process, and copied at the end.
    """

    def __init__(self, backend: Backend[Any], array: Any, scale: Scale | None, scratch: Path | None) -> None:
        self._backend, self._scratch = backend, scratch
        self._direct = ArrayResult(backend, array, scale)
        self._image = Box((0,) * len(array.shape), tuple(array.shape))
        self._held: HostStore | None = None

    def load(self, box: Box, spare: Any = None) -> Any:
        raise TypeError("a new result cannot be read")

    def save(self, array: Any, block: Block) -> None:
        if self._held is None and block.core.intersect(self._image) == self._image:
            self._save_whole(array, block)
            return
        if self._held is None:
            file = _unnamed_file(self._scratch, self._image.shape, self._backend.facts.dtype)
            self._held = HostStore(self._backend, file, self._image.start, wraps=False)
        self._held.save(array, block)

    def _save_whole(self, array: Any, block: Block) -> None:
        try:
            self._direct.save(array, block)
        except MemoryError as error:  # a smaller plan would read an image that is partly overwritten
            raise BackendError(
                "memory ran out while the result was written to out, which shares its memory with the "
                "image or the start; give another out"
            ) from error

    def finish(self) -> Any:
        if self._held is not None:
            for box in pieces(self._image.shape, chunks_of(self._direct.array), _PIECE):
                self._direct.save(self._held.load(box), Block(box, box))
        return self._direct.finish()

    def close(self) -> None:
        self._held = None


class DeviceResult:
    """A result that stays on the device, as an array of the backend's library.

    It is made when there is something to save: work arrays of the iterations have left their memory by then.
    """

    def __init__(self, backend: Backend[Any], shape: Shape, scale: Scale | None = None) -> None:
        self._backend, self._shape, self._scale = backend, shape, scale
        self._store: DeviceStore | None = None
        self._theirs: Any = None

    def load(self, box: Box, spare: Any = None) -> Any:
        raise TypeError("a new result cannot be read")

    def save(self, array: Any, block: Block) -> None:
        if self._store is None:
            if isinstance(self._backend, Interchange):
                ours, self._theirs = self._backend.result(self._shape)
            else:
                ours = self._theirs = self._backend.full(self._shape, 0.0)
            self._store = DeviceStore(self._backend, ours, (0,) * len(self._shape), wraps=False)
        self._store.save(array, block)

    def finish(self) -> Any:
        if array_api_compat.is_array_api_obj(self._theirs):
            xp = array_api_compat.array_namespace(self._theirs)
            _Check(self._backend).range(float(xp.min(self._theirs)), float(xp.max(self._theirs)))
        return self._theirs if self._scale is None else self._scale.undo_native(self._theirs)

    def close(self) -> None:
        pass


class NewResult:
    """A result that becomes a NumPy array; a whole volume is the array that the device hands over, without a copy."""

    def __init__(self, backend: Backend[Any], shape: Shape, scale: Scale | None = None) -> None:
        self.array: Any = None
        self._backend, self._image, self._scale = backend, Box((0,) * len(shape), shape), scale
        self._check = _Check(backend)

    def load(self, box: Box, spare: Any = None) -> Any:
        raise TypeError("a new result cannot be read")

    def finish(self) -> Any:
        return self.array

    def close(self) -> None:
        pass

    def save(self, array: Any, block: Block) -> None:
        whole, dtype = self._image == block.core.intersect(self._image), self._backend.facts.dtype
        if whole and self._scale is None and not overrides(self._backend, "write"):
            self.array = np.ascontiguousarray(fetch(self._backend, array, block.extent, self._image))
            self._check(self.array)
            return
        if whole and isinstance(self._backend, Streams):
            self.array = self._backend.pinned(self._image.shape, dtype)
        if self.array is None:
            self.array = np.empty(self._image.shape, dtype)
        store = HostStore(
            self._backend, self.array, self._image.start, wraps=False, scale=self._scale, check=self._check
        )
        store.save(array, block)


class _Check:
    """Refuses values that no estimate has, once for every voxel of a result: a backend has computed them wrong.

    The steps of a run cannot make them from an image and a PSF that were checked.
    """

    def __init__(self, backend: Backend[Any]) -> None:
        self._backend = backend

    def of(self, array: Any, block: Block, image: Box) -> Callable[[Volume], None] | None:
        """What remains to be checked on the host of a block's values; None if the device has checked them.

        The device checks a whole volume alone: around the core of a block its array is not exact.
        """
        if block.core.intersect(image) != image or not measures_on_device(self._backend):
            return self
        found = self._backend.summary(array)
        # a minimum and a maximum may be those of the numbers alone; a sum is none if one value is none
        self.range(found.minimum, found.maximum if math.isfinite(found.total) else math.nan)
        return None

    def __call__(self, values: Volume) -> None:
        if values.size <= _FEW:
            ranges = [_range_of(values)] if values.size else []
        else:
            parts = [values[box.slices((0,) * values.ndim)] for box in pieces(values.shape, (1,) * values.ndim, _PIECE)]
            with ThreadPoolExecutor(processors()) as pool:
                ranges = list(pool.map(_range_of, parts))
        for each in ranges:
            self.range(*each)

    def range(self, minimum: float, maximum: float) -> None:
        if minimum >= 0 and maximum < np.inf:  # neither holds for NaN
            return
        what = "negative values" if minimum < 0 and np.isfinite(minimum) else "values that are NaN or infinite"
        raise BackendError(
            f"{called(self._backend)} returned {what} for a sound image; nothing of the result can be used, try "
            "another backend"
        )


def _range_of(values: Volume) -> tuple[float, float]:
    """The least and the greatest value; of values that need no look at both, 0 and the greatest."""
    if values.dtype == np.float32:
        # read as an integer, what is negative or no number lies above infinity: one pass tells that there is none
        greatest = values.view(np.uint32).max()
        if greatest < _INFINITY:
            return 0.0, float(greatest.view(np.float32))
    return float(values.min()), float(values.max())


def _unnamed_file(folder: Path | None, shape: Shape, dtype: np.dtype[Any]) -> Volume:
    """A volume in a file that only this process can reach, and that is gone when it ends, however it ends."""
    with tempfile.TemporaryFile(prefix=".rlcore-result-", dir=folder) as file:
        size = Box((0,) * len(shape), shape).size * dtype.itemsize
        file.truncate(size)
        reserve_file(file, size)
        volume: Volume = np.memmap(file, dtype, "r+", shape=shape)
    return volume
