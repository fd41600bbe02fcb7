"""What the iterations of one block have of their own: factor, looks at fit and step, regularization."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rlcore.blocks import Block
from rlcore.boundary import Weights
from rlcore.execution.record import Record
from rlcore.fitness import View
from rlcore.pace import Pace
from rlcore.planner.plan import Plan
from rlcore.regularization import Regularizer
from rlcore.richardson_lucy import Data, Optics, Turn
from rlcore.steps import Steps


@dataclass(frozen=True, slots=True)
class Turns:
    """Those of a run by one plan."""

    plan: Plan
    steps: Steps[Any]
    optics: Optics
    weights: Weights
    pace: Pace
    record: Record | None
    regularizer: Regularizer

    def of(self, number: int, blocks: int, block: Block, data: Data | None) -> Callable[[int], Turn]:
        """Gives the turn after so many iterations, of one block of a sweep over so many; without data, nothing of the
        fit is noted."""
        whole = self.plan.is_whole  # outside its domain all is 0 and changes no sum
        part = (block.read if whole else block.keep).seen_from(block.read)
        scouts = self.pace.scouts(number, blocks, block, part, partial(self._weight, block))
        record, prior, last = None if data is None else self.record, self.regularizer, self.plan.iterations

        def turn(finished: int) -> Turn:
            after, box = finished + 1, block.read
            return Turn(
                self.pace.factor(finished),
                record.watch(after, number, blocks, block, data, self.optics) if record and data else None,
                scouts(after) if after < last else None,
                prior.split(after, box),
                prior.agree(),
                prior.smooth(box),
            )

        return turn

    def _weight(self, block: Block, view: View) -> Any:
        """The block's weight in the planes that are looked at."""
        table = self.weights.of(block.read)
        return self.steps.weight(table and table.planes(view.first, view.step, view.count))
