"""Iteration contexts of the blocks of a run: momentum, history and regularization, joined for each iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.regularization import Regularizer
from rlcore.algorithm.richardson_lucy import Data, IterationContext, Model
from rlcore.backend.boxes import Block
from rlcore.execution.history import History
from rlcore.planner.plan import Plan


@dataclass(frozen=True, slots=True)
class IterationContexts:
    """Makes the iteration contexts of a run by one plan."""

    plan: Plan
    model: Model
    momentum: MomentumSchedule
    history: History | None
    regularizer: Regularizer

    def of(self, number: int, blocks: int, block: Block, data: Data | None) -> Callable[[int], IterationContext]:
        """Gives the context of the iteration after so many finished ones, of block `number` of a sweep over `blocks`.

        Without data, as in a correcting half-step, the fit is not recorded.
        """
        # a whole volume sums over its extent: outside its domain all is 0 and changes no sum
        core = block.extent if self.plan.is_whole else block.core
        comparison = self.momentum.comparison(number, blocks, block.extent, core)
        history, prior, last = None if data is None else self.history, self.regularizer, self.plan.iterations

        def context(finished: int) -> IterationContext:
            iteration = finished + 1
            return IterationContext(
                self.momentum.momentum(finished),
                history.watch(iteration, number, blocks, block, data, self.model) if history and data else None,
                comparison(iteration) if iteration < last else None,
                prior.split(iteration, block.extent),
                prior.agree(),
                prior.smooth(block.extent),
            )

        return context
