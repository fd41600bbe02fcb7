"""What a backend is lent for its device: plans and kernels, the team that copies, streams."""

from __future__ import annotations

from rlcore_cupy.library import cupy
from rlcore_cupy.place import Streams
from rlcore_cupy.shelf import Shelf
from rlcore_cupy.transfers import Transfers
from rlcore_cupy.transforms import Transforms


def _make(device: int) -> tuple[Transforms, Transfers, Streams]:
    shared = cupy.cuda.Device(device).attributes["MaxSharedMemoryPerBlockOptin"]
    return Transforms(shared), Transfers(), Streams()


SHELF = Shelf(_make)
