"""The executor of one process: blocks in order, with transfers in threads beside the computation if that pays."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from rlcore.execution.executors import BlockWork, NumberedBlock


@dataclass(frozen=True, slots=True)
class ThreadExecutor:
    """Runs blocks one after the other; with `overlap`, loads one ahead and saves one behind in threads of their own."""

    overlap: bool

    def run(self, work: BlockWork, blocks: Iterator[NumberedBlock]) -> None:
        if self.overlap:
            with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
                self._overlapped(work, blocks, reader, writer)
        else:
            for block in blocks:
                work.save(work.compute(block, *work.load(block)), block)

    def _overlapped(
        self, work: BlockWork, blocks: Iterator[NumberedBlock], reader: ThreadPoolExecutor, writer: ThreadPoolExecutor
    ) -> None:
        saving: Future[None] | None = None
        block = next(blocks, None)
        loading = None if block is None else reader.submit(work.load, block)
        while block is not None and loading is not None:
            loaded, current = loading.result(), block
            block = next(blocks, None)
            loading = None if block is None else reader.submit(work.load, block)
            arrays = work.compute(current, *loaded)
            del loaded  # frees its arrays before the next block needs room
            if saving is not None:
                saving.result()
            saving = writer.submit(work.save, arrays, current)
            del arrays
        if saving is not None:
            saving.result()
