"""Worker process of the benchmark: measures one contestant, so that its first call is cold and its memory its own.

    python -m rlcore.app.bench.worker TASK ANSWER

Both are JSON files. The answer is rewritten after each measurement, so that completed measurements survive if the
process is killed.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.bench.contestants import contestants, make
from rlcore.app.bench.implementation import Implementation
from rlcore.app.bench.machine import opencl_devices
from rlcore.app.bench.memory import PeakMemory
from rlcore.app.bench.schedule import by_difference
from rlcore.app.files.writing.destination import partial_output
from rlcore.backend import Volume
from rlcore.errors import RLCoreError

_COMPILING = 8.0
"""Length in seconds of a card's first call up to which a second is made; it is far shorter, without compiling."""


class Round:
    """Measurements of one implementation, one after another."""

    def __init__(self, task: dict[str, Any], answer: Answer) -> None:
        self._task, self._answer = task, answer
        self._iterations = int(task["iterations"])
        self._image: Volume = np.load(task["image"])
        self._psf: Volume = np.load(task["psf"])
        # reading the problem is not timed: a user's arrays are in memory already
        began = time.perf_counter()
        self._implementation: Implementation = make(task["name"], task["device"], task["boundary"], Path(task["cache"]))
        self._opening = time.perf_counter() - began

    def run(self) -> None:
        """Measures the cold call with its peak memory, then warm calls and bare transforms unless this is a trial."""
        facts = self._implementation.prepare(self._image, self._psf, self._iterations)
        self._answer.put(facts=asdict(facts))
        with PeakMemory() as peak:
            cold, each = self._call(self._iterations, keep=self._task["result"])
        planning = self._implementation.planning_seconds() if facts.planning else None
        self._answer.put(
            cold=self._opening + cold, call=cold, planning=planning, peak=peak.device if facts.on_device else peak.host
        )
        self._answer.put(self_timed=each is not None, first=each)
        if self._task["trial"]:
            self._once_more(cold, each, facts.on_device)
        else:
            self._cycles(cold, each)

    def _once_more(self, cold: float, each: float | None, on_device: bool) -> None:
        """Measures a second call on a card, and one of a single iteration if iterations are not reported."""
        # on a card most of a short first call is compiling
        again = None
        if on_device and cold < _COMPILING:
            again, each = self._call(self._iterations)
        one = self._call(1)[0] if each is None else None
        self._answer.put(again=again, each=each, one=one)

    def _cycles(self, cold: float, each: float | None) -> None:
        """Measures bare transforms and warm calls alternately, as many as fit in the time."""
        iteration = each if each is not None else cold / self._iterations
        # a warm call takes at most the cold one's time; 20 % are added to its iterations as a margin
        expected = min(cold, 1.2 * self._iterations * iteration)
        cycles = self._task["cycles"] if self._left() > expected else 0
        floor = (
            self._implementation.floor(self._left() / 2) if cycles and self._left() > expected + 4 * iteration else None
        )
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
        """Returns the seconds left for this process, by the wall clock, which all processes share."""
        return float(self._task["until"]) - time.time()

    def _call(self, iterations: int, *, keep: str | None = None) -> tuple[float, float | None]:
        began = time.perf_counter()
        result, each = self._implementation.call(self._image, self._psf, iterations)
        took = time.perf_counter() - began
        if keep:
            # written whole, as the process may be killed meanwhile
            with partial_output(Path(keep)) as partial, partial.open("wb") as file:
                np.save(file, result)
        return took, each

    def _by_difference(self, warm: float) -> float:
        """Returns seconds per iteration from the difference to a call of one iteration."""
        one = self._call(1)[0] if self._iterations > 1 else warm
        return by_difference(warm, one, self._iterations)


class Answer:
    """File with all measurements so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}

    def put(self, **values: Any) -> None:
        """Sets values and rewrites the file."""
        self._values.update(values)
        partial = self._path.with_suffix(".new")
        partial.write_text(json.dumps(self._values))
        partial.replace(self._path)

    def add(self, key: str, value: float | None) -> None:
        """Appends a value to a list and rewrites the file."""
        self.put(**{key: [*self._values.get(key, []), value]})


def main() -> None:
    """Runs the task in the first file, and writes the answer to the second."""
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
