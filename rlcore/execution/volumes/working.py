"""The working volumes of a run: made on demand in the memory that the plan chose, and removed at its end."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from rlcore.algorithm.boundary import Geometry
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.backend import Backend, Box, Shape
from rlcore.backend.boxes import Block, pieces
from rlcore.backend.host.memory import format_bytes
from rlcore.errors import BudgetError
from rlcore.execution.checkpoint import Checkpoint, open_volume
from rlcore.execution.sweeps import OTHER_RATIO, POINT, RATIO, RESULT, START
from rlcore.execution.volumes.stores import DeviceStore, HostStore, Store
from rlcore.planner.plan import Placement

_PIECE = 1 << 20
"""Voxels delivered at a time, unless a single chunk has more."""


class WorkingVolumes:
    """Stores by name: the start, estimates, points, ratios, and the result.

    Of points only the sampled planes are carried, as `momentum` says. With a checkpoint every volume is a file in its
    folder; otherwise scratch files live in a folder of their own inside `scratch_parent`, removed at the end.
    """

    def __init__(
        self,
        backend: Backend[Any],
        geometry: Geometry,
        start: Store,
        result: Store,
        *,
        momentum: MomentumSchedule,
        scratch_parent: Path,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._backend, self._geometry, self._momentum = backend, geometry, momentum
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

    def store(self, name: str, placement: Placement) -> Store:
        """The volume of this name; made with this placement if it does not exist yet."""
        if name not in self._stores:
            self._stores[name] = self._make(name, self._extent(name), placement)
        return self._stores[name]

    def _extent(self, name: str) -> Box:
        if name in (RATIO, OTHER_RATIO, RESULT):
            return self._geometry.image
        domain = self._geometry.domain
        return self._momentum.carried(Block(domain, domain)).extent if name.startswith(POINT) else domain

    def deliver(self, name: str, result: Store, chunks: Shape) -> None:
        """Copy the volume of this name, with which the run ended, to the result, in whole chunks."""
        if self._checkpoint is not None:
            self._checkpoint.check_complete(name)
        source = self.store(name, "scratch")  # a run killed at this point has it in its checkpoint only
        if source is result:
            return
        for ratio in (RATIO, OTHER_RATIO):
            self._stores.pop(ratio, None)  # the result may need their memory
        for box in pieces(self._geometry.image_shape, chunks, _PIECE):
            result.save(source.load(box), Block(box, box))

    def _make(self, name: str, box: Box, placement: Placement) -> Store:
        backend = self._backend
        dtype, wraps = backend.facts.dtype, self._geometry.wraps
        if self._checkpoint is not None:
            return HostStore(backend, self._checkpoint.volume(name, box, dtype), box.start, wraps=wraps)
        if placement == "device":
            return DeviceStore(backend, backend.full(box.shape, 0.0), box.start, wraps=wraps)
        if placement == "host":
            return HostStore(backend, np.empty(box.shape, dtype), box.start, wraps=wraps)
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix=".rlcore-scratch-", dir=self._parent))
        return HostStore(backend, open_volume(self._scratch / f"{name}.npy", box.shape, dtype), box.start, wraps=wraps)


def check_disk(folder: Path, needed: int) -> None:
    """Refuse a run whose working volumes do not fit on the disk.

    Raises
    ------
    BudgetError
        With the free and the needed bytes.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BudgetError(
            f"folder {str(folder)!r} has {format_bytes(free)} free, the working volumes need {format_bytes(needed)}; "
            "free some space or give a larger memory"
        )
