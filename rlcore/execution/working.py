"""The working volumes of a run: made when first asked for, where the plan wants them, and gone at its end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from rlcore.backend import Backend, real_dtype
from rlcore.blocks import Block, Box, Shape, pieces
from rlcore.boundary import Geometry
from rlcore.budget import format_bytes
from rlcore.errors import BudgetError
from rlcore.execution.checkpoint import Checkpoint, open_volume
from rlcore.execution.stores import DeviceStore, HostStore, Store
from rlcore.execution.sweeps import OTHER_RATIO, POINT, RATIO, RESULT, START
from rlcore.planner.plan import Residence

_PIECE = 1 << 20
"""Voxels delivered at a time, unless a single chunk has more."""


class WorkingVolumes:
    """Stores by name: the start, the estimates, the points of an accelerated run, ratios, the result.

    `carried` gives what of a block's points is kept, as `Pace.carried`. With a checkpoint every volume is a file in its
    folder; otherwise scratch files live in a folder of their own inside `scratch_parent`, removed at the end.
    """

    def __init__(
        self,
        backend: Backend[Any],
        geometry: Geometry,
        start: Store,
        result: Store,
        *,
        carried: Callable[[Block], Block],
        scratch_parent: Path,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._backend, self._geometry, self._carried = backend, geometry, carried
        self._parent, self._checkpoint = scratch_parent, checkpoint
        self._scratch: Path | None = None
        self._stores: dict[str, Store] = {START.estimate: start}
        if checkpoint is None:
            self._stores[RESULT] = result

    def __enter__(self) -> WorkingVolumes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stores.clear()
        if self._scratch is not None:
            shutil.rmtree(self._scratch)

    def store(self, name: str, residence: Residence) -> Store:
        """The volume of this name, made where the plan wants it if it is not there yet."""
        if name not in self._stores:
            self._stores[name] = self._make(name, self._extent(name), residence)
        return self._stores[name]

    def _extent(self, name: str) -> Box:
        if name in (RATIO, OTHER_RATIO, RESULT):
            return self._geometry.image
        domain = self._geometry.domain
        return self._carried(Block(domain, domain)).read if name.startswith(POINT) else domain

    def deliver(self, name: str, result: Store, chunks: Shape) -> None:
        """Bring what the run ended with from the volume of this name to where the caller wants it, by whole chunks."""
        source = self.store(name, "scratch")  # a checkpoint that was killed here has it on disk only
        if source is result:
            return
        for ratio in (RATIO, OTHER_RATIO):
            self._stores.pop(ratio, None)  # its memory may be what the result needs
        for box in pieces(self._geometry.image_shape, chunks, _PIECE):
            result.save(source.load(box), Block(box, box))

    def _make(self, name: str, box: Box, residence: Residence) -> Store:
        backend: Any = self._backend
        dtype, wraps = real_dtype(backend), self._geometry.wraps
        if self._checkpoint is not None:
            return HostStore(backend, self._checkpoint.volume(name, box.shape, dtype), box.start, wraps=wraps)
        if residence == "device":
            return DeviceStore(backend, backend.full(box.shape, 0.0), box.start, wraps=wraps)
        if residence == "host":
            return HostStore(backend, np.empty(box.shape, dtype), box.start, wraps=wraps)
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix=".rlcore-scratch-", dir=self._parent))
        return HostStore(backend, open_volume(self._scratch / f"{name}.npy", box.shape, dtype), box.start, wraps=wraps)


def check_disk(folder: Path, needed: int) -> None:
    """Refuse a run whose working volumes do not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BudgetError(
            f"folder {str(folder)!r} has {format_bytes(free)} free, the working volumes need {format_bytes(needed)}; "
            "free some space or give a larger memory"
        )
