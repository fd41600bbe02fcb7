"""Where the result of a run goes: an array of the caller's, a new one on the host, or one on the device."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from rlcore.backend import (
    Backend,
    Shape,
    SupportsHostVolumes,
    SupportsInterchange,
    SupportsStreams,
    real_dtype,
)
from rlcore.blocks import Block, Box
from rlcore.execution.stores import DeviceStore, HostStore, fetch


class Result(Protocol):
    """A store for the result, and what the caller gets of it."""

    @property
    def loads_copies(self) -> bool: ...
    def load(self, box: Box, spare: Any = None) -> Any: ...
    def save(self, array: Any, block: Block) -> None: ...
    def finish(self) -> Any: ...


class ArrayResult(HostStore):
    """A result in what the caller gave for it."""

    def __init__(self, backend: Backend[Any], array: Any) -> None:
        super().__init__(backend, array, (0,) * len(array.shape), wraps=False)

    def finish(self) -> Any:
        return self.array


class DeviceResult:
    """A result that stays on the device, as an array of the backend's library.

    It is made when there is something to save: work arrays of the iterations have left their memory by then.
    """

    loads_copies = False

    def __init__(self, backend: Any, shape: Shape) -> None:
        self._backend, self._shape = backend, shape
        self._store: DeviceStore | None = None
        self._theirs: Any = None

    def load(self, box: Box, spare: Any = None) -> Any:
        raise TypeError("a new result cannot be read")

    def save(self, array: Any, block: Block) -> None:
        if self._store is None:
            if isinstance(self._backend, SupportsInterchange):
                ours, self._theirs = self._backend.result(self._shape)
            else:
                ours = self._theirs = self._backend.full(self._shape, 0.0)
            self._store = DeviceStore(self._backend, ours, (0,) * len(self._shape), wraps=False)
        self._store.save(array, block)

    def finish(self) -> Any:
        return self._theirs


class NewResult:
    """A result that becomes a NumPy array: that of a whole volume is what the device hands over, uncopied."""

    loads_copies = False

    def __init__(self, backend: Backend[Any], shape: Shape) -> None:
        self.array: Any = None
        self._backend, self._image = backend, Box((0,) * len(shape), shape)

    def load(self, box: Box, spare: Any = None) -> Any:
        raise TypeError("a new result cannot be read")

    def finish(self) -> Any:
        return self.array

    def save(self, array: Any, block: Block) -> None:
        whole = self._image == block.keep.intersect(self._image)
        if whole and not isinstance(self._backend, SupportsHostVolumes):
            self.array = np.ascontiguousarray(fetch(self._backend, array, block.read, self._image))
            return
        if whole and isinstance(self._backend, SupportsStreams):
            self.array = self._backend.staging(self._image.shape, real_dtype(self._backend))
        if self.array is None:
            self.array = np.empty(self._image.shape, real_dtype(self._backend))
        HostStore(self._backend, self.array, self._image.start, wraps=False).save(array, block)
