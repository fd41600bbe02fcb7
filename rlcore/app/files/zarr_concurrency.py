"""How many chunks Zarr decodes or encodes at once: as many as memory has room for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rlcore.app.files.zarr_input import libraries
from rlcore.app.files.volume_in_array import VolumeInArray

_SHARE = 16
"""Chunks under way take so little of the memory: a plan counts arrays, and leaves about as much for all else."""

_COPIES = 2
"""Of a chunk under way: its voxels, and what is stored of them."""


@contextmanager
def limit_concurrency(memory: int, *volumes: Any) -> Iterator[None]:
    """Within it, Zarr works on no more chunks of these volumes at once than a small share of the memory holds.

    One it always is. SeriesRun that are not of a Zarr do not count.
    """
    sizes = [volume.chunk_bytes for volume in volumes if isinstance(volume, VolumeInArray)]
    if not sizes:
        yield
        return
    zarr, _ = libraries()
    room = memory // _SHARE // (_COPIES * max(sizes))
    with zarr.config.set({"async.concurrency": max(1, min(room, zarr.config.get("async.concurrency")))}):
        yield
