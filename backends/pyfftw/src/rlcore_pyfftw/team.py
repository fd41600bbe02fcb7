"""Threads that share the batches of one step among themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

Work = Callable[[Iterator[int]], None]
"""Work of one thread, which takes numbers of batches until none are left."""


class Team:
    """A number of threads, including the caller's own. The result never depends on which of them does a batch."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def run(self, work: Work, batches: int) -> None:
        """Run `work` on as many threads as there are batches for; returns when all batches are done."""
        numbers = _Numbers(batches)
        helpers = min(self.threads, batches) - 1
        if helpers < 1:
            work(numbers)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="rlcore-pyfftw")
        others = [self._pool.submit(work, numbers) for _ in range(helpers)]
        try:
            work(numbers)
        finally:
            for _ in numbers:  # after an error no thread starts another batch
                pass
            errors = [other.exception() for other in others]  # waits for all threads
        for error in errors:
            if error is not None:
                raise error


class _Numbers:
    """0, 1, ... below `stop`, safe to share between threads (`next` of a count is atomic)."""

    def __init__(self, stop: int) -> None:
        self._count, self._stop = itertools.count(), stop

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        number = next(self._count)
        if number >= self._stop:
            raise StopIteration
        return number
