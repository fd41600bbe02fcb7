"""Limit on the number of chunks that Zarr decodes or encodes at once, set by the memory of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rlcore.app.files.zarr.input import libraries
from rlcore.app.files.zarr.volume_in_array import VolumeInArray

_SHARE = 16
"""Chunks in progress take at most 1/16 of the memory; a plan counts arrays only and leaves about that margin."""

_COPIES = 2
"""Copies of a chunk in progress: decoded and encoded."""


@contextmanager
def limit_concurrency(memory: int, *volumes: Any) -> Iterator[None]:
    """Limits Zarr's concurrency inside the context, so that chunks in progress fit a small share of the memory.

    Parameters
    ----------
    memory : int
        Memory of the plan in bytes.
    volumes : array_like
        Volumes read or written; those that are not stored in a Zarr are ignored.
    """
    sizes = [volume.chunk_bytes for volume in volumes if isinstance(volume, VolumeInArray)]
    if not sizes:
        yield
        return
    zarr, _ = libraries()
    room = memory // _SHARE // (_COPIES * max(sizes))
    # one chunk is always in progress, however large; a lower limit set by the user stays
    with zarr.config.set({"async.concurrency": max(1, min(room, zarr.config.get("async.concurrency")))}):
        yield
