"""Threads that share the batches of one step among themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

Lane = Callable[[Iterator[int]], None]
"""Work of one thread: it takes numbers of batches until there are none left."""


class Team:
    """So many threads, the caller's own among them. Which of them does a batch never shows in the result."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def run(self, lane: Lane, batches: int) -> None:
        """Run `lane` on as many threads as there is work for; returns when all batches are done."""
        numbers = _Numbers(batches)
        helpers = min(self.threads, batches) - 1
        if helpers < 1:
            lane(numbers)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="rlcore-pyfftw")
        others = [self._pool.submit(lane, numbers) for _ in range(helpers)]
        try:
            lane(numbers)
        finally:
            for _ in numbers:  # after an error nobody starts another batch
                pass
            errors = [other.exception() for other in others]
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
