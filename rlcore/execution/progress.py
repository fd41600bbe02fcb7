"""Progress of a run, reported to the caller's callback; and the caller's wish to stop."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rlcore.errors import Cancelled


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a run under way."""

    iteration: int
    """Iterations that are done everywhere."""
    iterations: int
    sweep: int
    """The sweep under way, from 1."""
    sweeps: int
    block: int
    """The block of the sweep under way, from 1."""
    blocks: int
    fraction: float
    """Share of the work that is done, 0 to 1; 0 as long as the run is `looking`."""
    elapsed: float
    """Seconds since the iterations began."""
    remaining: float
    """Seconds still needed at the rate so far; a rough figure after the first step."""
    looking: bool = False
    """True while the run searches for the number of iterations, `iterations` at most; `remaining` then counts all of
    them."""


Callback = Callable[[Progress], object]
"""Called after every iteration or block; returning False stops the run."""


class CancelEvent(Protocol):
    """A `threading.Event`, or anything with its `is_set`."""

    def is_set(self) -> bool: ...


class Reporter:
    """Counts units of work: one block through one half-step."""

    def __init__(
        self,
        callback: Callback | None,
        cancel: CancelEvent | None,
        iterations: int,
        *,
        looking: bool = False,
    ) -> None:
        self._callback, self._cancel, self._iterations = callback, cancel, iterations
        self._looking = looking
        self._began = self._started = time.perf_counter()
        self._done = 0.0
        self._first: tuple[float, float] | None = None
        """Time when the first step of this plan was done, and the work done by then: preparation has another rate."""
        self._total = 1.0
        self.iteration = 0
        self.sweep, self.sweeps, self.block, self.blocks = 1, 1, 1, 1
        self.failure: BaseException | None = None
        """The error of the callback that ended the run: the caller's own, whatever its type."""

    def begin(self, units: list[int], past: int, before: float) -> None:
        """Begin sweeps of so much work each, of which `past` are done; `before` is the share done by earlier plans."""
        self._total = sum(units) / (1 - before)
        self._done = self._total * before + sum(units[:past])
        self._started, self._first = time.perf_counter(), None
        self.sweep, self.sweeps = past + 1, len(units)

    def skip(self, units: float) -> None:
        """Count work that an earlier run has done."""
        self._done += units

    def finish_sweep(self, iteration: int) -> None:
        """All blocks of a sweep are written, and so many iterations done everywhere."""
        self.sweep += 1
        self.iteration = iteration

    def advance(self, units: float, iteration: int | None = None) -> None:
        """Count work as done, call the callback, and stop the run if the caller wishes so."""
        self._done += units
        self.iteration = self.iteration if iteration is None else iteration
        if self._wants_to_stop(units):
            raise Cancelled(f"stopped on request after {self._done / self._total:.0%} of the work")

    def _wants_to_stop(self, units: float) -> bool:
        try:
            wish = None if self._callback is None else self._callback(self._now(units))
            return _equals_false(wish) or (self._cancel is not None and bool(self._cancel.is_set()))
        except BaseException as error:
            self.failure = error
            raise

    def _now(self, units: float) -> Progress:
        now = time.perf_counter()
        self._first = self._first or (now, self._done)
        since, done = now - self._first[0], self._done - self._first[1]
        pace = since / done if done > 0 else (now - self._started) / units
        return Progress(
            iteration=self.iteration,
            iterations=self._iterations,
            sweep=self.sweep,
            sweeps=self.sweeps,
            block=self.block,
            blocks=self.blocks,
            fraction=0.0 if self._looking else min(1.0, self._done / self._total),
            elapsed=now - self._began,
            remaining=pace * max(0.0, self._total - self._done),
            looking=self._looking,
        )


def _equals_false(wish: object) -> bool:
    """True for False in any library's form, such as `numpy.False_`.

    None is what a callback without a wish returns, and 0 what one may return that counts or writes. Whatever cannot be
    compared, such as an array of several values, is no wish either.
    """
    if wish is False:
        return True
    if wish is None or isinstance(wish, numbers.Number):
        return False
    try:
        return bool(wish == False)  # noqa: E712 - the libraries' own booleans are not the object False
    except Exception:  # noqa: BLE001 - the comparison is the caller's code
        return False
