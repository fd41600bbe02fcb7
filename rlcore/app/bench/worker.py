"""One contender in a process of its own, so that its first call is a first call and its memory is its own.

    python -m rlcore.app.bench.worker TASK ANSWER

Both are JSON files; the answer is written anew after each measurement, so that what was measured is kept if the
process does not live to its end.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.bench.implementation import Implementation
from rlcore.app.bench.contestants import contestants, make
from rlcore.app.bench.machine import opencl_devices
from rlcore.app.bench.memory import PeakMemory
from rlcore.app.bench.schedule import by_difference
from rlcore.app.files.destination import partial_output
from rlcore.backend import Volume
from rlcore.errors import RLCoreError

_COMPILING = 8.0
"""Seconds of a first call on a card below which another is worth its time: it will be far shorter."""


class Round:
    """A contender's measurements, one after another."""

    def __init__(self, task: dict[str, Any], answer: Answer) -> None:
        self._task, self._answer = task, answer
        self._iterations = int(task["iterations"])
        self._image: Volume = np.load(task["image"])
        self._psf: Volume = np.load(task["psf"])
        began = time.perf_counter()
        self._contender: Implementation = make(task["name"], task["device"], task["boundary"], Path(task["cache"]))
        self._opening = time.perf_counter() - began

    def run(self) -> None:
        """The first call, with its memory; then, but in a trial, bare transforms and warm calls for as long as fits."""
        facts = self._contender.prepare(self._image, self._psf, self._iterations)
        self._answer.put(facts=asdict(facts))
        with PeakMemory() as peak:
            cold, each = self._call(self._iterations, keep=self._task["result"])
        planning = self._contender.planning_seconds() if facts.planning else None
        self._answer.put(
            cold=self._opening + cold, call=cold, planning=planning, peak=peak.device if facts.on_device else peak.host
        )
        self._answer.put(self_timed=each is not None, first=each)
        if self._task["trial"]:
            self._once_more(cold, each, facts.on_device)
        else:
            self._cycles(cold, each)

    def _once_more(self, cold: float, each: float | None, on_device: bool) -> None:
        """How fast it is after its first call: on a card most of that is compiling, unless it is long."""
        again = None
        if on_device and cold < _COMPILING:
            again, each = self._call(self._iterations)
        one = self._call(1)[0] if each is None else None
        self._answer.put(again=again, each=each, one=one)

    def _cycles(self, cold: float, each: float | None) -> None:
        """Bare transforms and calls in turn, as many as end in time."""
        iteration = each if each is not None else cold / self._iterations
        expected = min(cold, 1.2 * self._iterations * iteration)
        cycles = self._task["cycles"] if self._left() > expected else 0
        floor = self._contender.floor(self._left() / 2) if cycles and self._left() > expected + 4 * iteration else None
        for _ in range(cycles):
            began = time.perf_counter()
            if self._left() < expected:
                break
            if floor is not None:
                self._answer.add("floor", floor())
            warm, each = self._call(self._iterations)
            self._answer.add("warm", warm)
            self._answer.add("iteration", each if each is not None else self._by_difference(warm))
            expected = time.perf_counter() - began

    def _left(self) -> float:
        """Seconds that this process may still take; by the one clock that processes share everywhere."""
        return float(self._task["until"]) - time.time()

    def _call(self, iterations: int, *, keep: str | None = None) -> tuple[float, float | None]:
        began = time.perf_counter()
        result, each = self._contender.call(self._image, self._psf, iterations)
        took = time.perf_counter() - began
        if keep:
            with partial_output(Path(keep)) as partial, partial.open("wb") as file:
                np.save(file, result)
        return took, each

    def _by_difference(self, warm: float) -> float:
        """Seconds per iteration by what a call of one iteration takes."""
        one = self._call(1)[0] if self._iterations > 1 else warm
        return by_difference(warm, one, self._iterations)


class Answer:
    """What has been measured so far, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}

    def put(self, **values: Any) -> None:
        self._values.update(values)
        partial = self._path.with_suffix(".new")
        partial.write_text(json.dumps(self._values))
        partial.replace(self._path)

    def add(self, key: str, value: float | None) -> None:
        self.put(**{key: [*self._values.get(key, []), value]})


def main() -> None:
    task, answer = json.loads(Path(sys.argv[1]).read_text()), Answer(Path(sys.argv[2]))
    try:
        if task["name"] is None:
            answer.put(contestants=[contestant.to_dict() for contestant in contestants()], opencl=opencl_devices())
        else:
            Round(task, answer).run()
    except RLCoreError as error:
        answer.put(failure=str(error))
    except Exception as error:  # noqa: BLE001 - the boundary to other programs: what went wrong becomes their row
        answer.put(failure=f"{type(error).__name__}: {error}".strip().splitlines()[0])


if __name__ == "__main__":
    main()
