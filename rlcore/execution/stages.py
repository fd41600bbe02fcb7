"""Blocks one after the other, or the next read and the last written while one is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rlcore.blocks import Block


@dataclass(frozen=True, slots=True)
class Stages:
    """Load, compute, save: one after the other, or beside each other with one block ahead and one behind."""

    load: Callable[[tuple[int, Block]], tuple[Any, ...]]
    compute: Callable[..., Any]
    save: Callable[[tuple[Any, ...], tuple[int, Block]], None]

    def run(self, items: Iterator[tuple[int, Block]], *, overlap: bool) -> None:
        if overlap:
            with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
                self._beside(items, reader, writer)
        else:
            for item in items:
                self.save(self.compute(item, *self.load(item)), item)

    def _beside(
        self, items: Iterator[tuple[int, Block]], reader: ThreadPoolExecutor, writer: ThreadPoolExecutor
    ) -> None:
        behind: Future[None] | None = None
        item = next(items, None)
        ahead = None if item is None else reader.submit(self.load, item)
        while item is not None and ahead is not None:
            loaded, present = ahead.result(), item
            item = next(items, None)
            ahead = None if item is None else reader.submit(self.load, item)
            arrays = self.compute(present, *loaded)
            del loaded
            if behind is not None:
                behind.result()
            behind = writer.submit(self.save, arrays, present)
            del arrays
        if behind is not None:
            behind.result()
