"""Results of a run: an array of the caller's, a new one on the host, or one that stays on the device."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from rlcore.backend import Backend, Box, Interchange, Shape, Streams, overrides
from rlcore.backend.boxes import Block
from rlcore.execution.volumes.stores import DeviceStore, HostStore, fetch


class Result(Protocol):
    """A store for the result, which hands it to the caller in the end."""

    def load(self, box: Box, spare: Any = None) -> Any: ...
    def save(self, array: Any, block: Block) -> None: ...
    def finish(self) -> Any: ...


def result_for(backend: Backend[Any], shape: Shape, out: Any, *, native: bool) -> Result:
    """The result that fits the call: in `out`, as an array of the backend's library if `native`, or a NumPy array."""
    if out is not None:
        return ArrayResult(backend, out)
    return DeviceResult(backend, shape) if native else NewResult(backend, shape)


class ArrayResult(HostStore):
    """A result in an array that the caller gave."""

    def __init__(self, backend: Backend[Any], array: Any) -> None:
        super().__init__(backend, array, (0,) * len(array.shape), wraps=False)

    def finish(self) -> Any:
        return self.array


class DeviceResult:
    """A result that stays on the device, as an array of the backend's library.

    It is made when there is something to save: work arrays of the iterations have left their memory by then.
    """

    def __init__(self, backend: Backend[Any], shape: Shape) -> None:
        self._backend, self._shape = backend, shape
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
        return self._theirs


class NewResult:
    """A result that becomes a NumPy array; a whole volume is the array that the device hands over, without a copy."""

    def __init__(self, backend: Backend[Any], shape: Shape) -> None:
        self.array: Any = None
        self._backend, self._image = backend, Box((0,) * len(shape), shape)

    def load(self, box: Box, spare: Any = None) -> Any:
        raise TypeError("a new result cannot be read")

    def finish(self) -> Any:
        return self.array

    def save(self, array: Any, block: Block) -> None:
        whole = self._image == block.core.intersect(self._image)
        if whole and not overrides(self._backend, "write"):
            self.array = np.ascontiguousarray(fetch(self._backend, array, block.extent, self._image))
            return
        dtype = self._backend.facts.dtype
        if whole and isinstance(self._backend, Streams):
            self.array = self._backend.pinned(self._image.shape, dtype)
        if self.array is None:
            self.array = np.empty(self._image.shape, dtype)
        HostStore(self._backend, self.array, self._image.start, wraps=False).save(array, block)
