"""Runs a plan: sweeps over blocks, transfers beside the computation, progress, cancelling, checkpoints."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlcore.backend import Backend, Shape, SupportsHostVolumes, SupportsStreams
from rlcore.blocks import Block, Box
from rlcore.boundary import Weights
from rlcore.caution import caution
from rlcore.errors import BudgetError, OutOfMemory
from rlcore.execution.checkpoint import Checkpoint
from rlcore.execution.progress import Reporter
from rlcore.execution.record import Record
from rlcore.execution.stages import Stages
from rlcore.execution.stores import Store
from rlcore.execution.sweeps import OTHER_RATIO, RATIO, START, Sweep, sweeps
from rlcore.execution.turns import Turns
from rlcore.execution.working import WorkingVolumes
from rlcore.pace import Pace
from rlcore.planner.plan import Plan
from rlcore.psf import PSF
from rlcore.regularization import Regularizer
from rlcore.richardson_lucy import Data, Optics, State, advance, blur, iterate, point_of
from rlcore.steps import Steps, steps_for
from rlcore.transfer import transfer_of


class ReplanWarning(UserWarning):
    """Memory that a plan had counted on was not there; the run goes on by a smaller plan."""


@dataclass(slots=True)
class Run:
    """A run: what it works on and whom it tells."""

    backend: Backend[Any]
    psf: PSF
    image: Store
    volumes: WorkingVolumes
    background: float
    floor: float
    """Least divisor."""
    chunks: Shape
    """Chunks of the result; 1 where it has none."""
    reporter: Reporter
    checkpoint: Checkpoint | None
    replan: Callable[[Plan], Plan]
    """A smaller plan, for when memory ran out."""
    pace: Pace
    """How far steps are predicted."""
    regularizer: Regularizer
    gather: bool
    """Whether a result in memory is gathered at the end, so that it needs no memory beside the working volumes."""
    record: Record | None = None
    """What is to be told of every iteration, if the caller wants to know."""
    written: bool = False
    """Whether any block of the sweep under way has been written."""

    def sweeps(self, plan: Plan, state: State, finished: int) -> list[Sweep]:
        """What is to be done from here."""
        return list(
            sweeps(
                plan,
                self.chunks,
                state=state,
                finished=finished,
                keep_last=self.checkpoint is not None,
                gather=self.gather and plan.residence in ("host", "scratch"),
            )
        )

    def has_ended(self, sweep: Sweep) -> bool:
        """Whether it was enough with this sweep."""
        return self.record is not None and self.record.enough(sweep.finished)


def execute(run: Run, plan: Plan) -> str:
    """Run the plan to its end, and name the volume that holds what came of it.

    If memory runs out, the run goes on by a smaller plan from the last finished sweep, with a `ReplanWarning`; the
    estimate before goes along, so nothing of the momentum is lost.
    """
    state, finished = START, 0
    if run.checkpoint:
        run.pace.restore(run.checkpoint.state.pace)
    while True:
        todo = run.sweeps(plan, state, finished)
        if run.record:
            run.record.forget(finished)
        past = run.checkpoint.state.sweep if run.checkpoint else 0
        run.reporter.begin([sweep.units for sweep in todo], past, finished / plan.iterations)
        if past == len(todo) or (past and run.has_ended(todo[past - 1])):  # killed between the last sweep and the end
            return str(todo[past - 1].result[0].estimate)
        sweep = todo[past]
        try:
            engine = _Engine(run, plan)
            for sweep in todo[past:]:
                engine.sweep(sweep)
                state, finished = sweep.result
                run.reporter.finish_sweep(finished)
                if run.has_ended(sweep):
                    break
            return str(state.estimate)
        except MemoryError as error:
            if run.checkpoint is not None or (sweep.in_place and run.written):
                raise
            cause = str(error) or "memory ran out"
        try:
            plan = run.replan(plan)
        except BudgetError as refusal:
            raise OutOfMemory(f"{cause}; {refusal}") from refusal
        run.pace.forget(finished)
        caution(f"{cause}; going on from iteration {finished} by a smaller plan: {plan}", ReplanWarning)


class Target(NamedTuple):
    """Where one array of what a sweep computes goes."""

    store: Store
    thin: bool
    """Whether it is of no more planes than are carried of a point."""


class _Engine:
    """One plan's blocks on one backend."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self._run, self._plan = run, plan
        self._steps: Steps[Any] = steps_for(run.backend, plan.block_shape)
        transfer = transfer_of(run.backend, self._steps, run.psf, plan.block_shape)
        self._optics = Optics(transfer, run.background, run.floor)
        self._weights = Weights(run.psf.values, plan.geometry)
        self._turns = Turns(plan, self._steps, self._optics, self._weights, run.pace, run.record, run.regularizer)
        self._lane: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        if isinstance(run.backend, SupportsStreams):
            self._lane = run.backend.lane
        self._spare: list[Any] = []
        """Arrays of a block's shape that nobody needs any more: new memory is slow to come."""

    def sweep(self, sweep: Sweep) -> None:
        """Run one sweep over the blocks that are not done yet, and note each when it is written."""
        run = self._run
        run.written = False
        run.reporter.block, run.reporter.blocks = 1, len(sweep.cut)
        done = run.checkpoint.state.blocks if run.checkpoint else 0
        run.reporter.skip(done * sweep.units / len(sweep.cut))
        targets = self._targets(sweep)
        numbered = itertools.islice(enumerate(sweep.cut, start=1), done, None)
        stages = Stages(
            self._loader(sweep), self._computer(sweep), lambda arrays, item: self._save(targets, arrays, *item)
        )
        try:
            stages.run(numbered, overlap=self._plan.overlap)
        finally:
            self._spare.clear()
        if run.checkpoint:
            run.checkpoint.reach(run.reporter.sweep, 0, run.pace.to_dict())

    def _targets(self, sweep: Sweep) -> list[Target]:
        """Where what is computed goes: ratios, or what of the next state is written."""
        named = [(name, False) for name in self._ratios()]
        if sweep.kind != "blur":
            named = [(name, part == State._fields.index("point")) for part, name in sweep.written]
        return [Target(self._run.volumes.store(name, self._plan.residence), thin) for name, thin in named]

    def _ratios(self) -> tuple[str, ...]:
        """The volumes between half-steps: a ratio, or one for each half of the counts."""
        return (RATIO,) if self._plan.regularization != "consensus" else (RATIO, OTHER_RATIO)

    def _loader(self, sweep: Sweep) -> Callable[[tuple[int, Block]], tuple[Any, ...]]:
        """What a block of this sweep needs on the device: the state, then image or ratios, then the weight.

        The estimate before is read only where something is predicted from it, the point only where a factor needs it.
        """
        run, residence = self._run, self._plan.residence
        estimate, previous = (run.volumes.store(name, residence) for name in sweep.source[:2])
        point = run.volumes.store(sweep.source.point, residence) if sweep.source.point and sweep.written else None
        ratios = [run.volumes.store(name, residence) for name in self._ratios()] if sweep.kind == "correct" else None

        def load(item: tuple[int, Block]) -> tuple[Any, ...]:
            box = item[1].read
            with self._lane():
                weight = None if sweep.kind == "blur" else self._steps.weight(self._weights.of(box))
                newest = self._load(estimate, box)
                before = newest if self._plan.acceleration == "none" else self._load(previous, box)
                state = State(newest, before, self._load_point(point, item[1]) if point else None)
                given = tuple(self._load(ratio, box) for ratio in ratios) if ratios else self._data(item[1])
                return state, given, weight

        return load

    def _load(self, store: Store, box: Box) -> Any:
        return store.load(box, self._spare.pop() if self._spare else None)

    def _load_point(self, store: Store, block: Block) -> Any:
        """What is carried of it; None where that is nothing of this block."""
        box = self._run.pace.carried(block).read
        return store.load(box) if box.size else None

    def _set_aside(self, *arrays: Any) -> None:
        """Keep arrays for blocks to come, where the backend reads blocks into memory that is there."""
        if isinstance(self._run.backend, SupportsHostVolumes):
            self._spare.extend({id(array): array for array in arrays}.values())

    def _data(self, block: Block) -> Data:
        """The image in a block, and on which of its voxels a ratio is taken: where both the image and the blur are.

        Near the faces by which a block was cut out the blur is not: it lacks light from beyond them and has what wraps
        in its stead. A ratio there may be anything up to the inverse of the least divisor, and by the rounding of
        transforms something of that would be everywhere.
        """
        geometry, box = self._plan.geometry, block.read
        whole = box if geometry.wraps else geometry.image
        inside = box.intersect(whole).intersect(self._plan.blurred_in(block))
        return Data(
            self._load(self._run.image, box), self._steps.inside(None if inside == box else inside.seen_from(box))
        )

    def _computer(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        """What is done to it: the half-steps of the sweep. It gives an array for each target."""
        return {"iterate": self._iterate, "blur": self._blur, "correct": self._correct}[sweep.kind](sweep)

    def _iterate(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        blocks = len(sweep.cut)

        def compute(item: tuple[int, Block], state: State, data: Data, weight: Any) -> tuple[Any, ...]:
            reporter = self._run.reporter
            reporter.block = item[0]
            turns = map(self._turns.of(item[0], blocks, item[1], data), range(sweep.before, sweep.finished))
            steps = iterate(self._steps, state, data, weight, self._optics, turns)
            del state
            for finished in range(sweep.before + 1, sweep.finished + 1):
                with self._lane():
                    state = next(steps)
                reporter.advance(2, finished if blocks == 1 else None)
                if blocks == 1 and self._ends(finished):
                    break
            return tuple(state[part] for part, _ in sweep.written)

        return compute

    def _blur(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        blocks = len(sweep.cut)

        def compute(item: tuple[int, Block], state: State, data: Data, weight: Any) -> tuple[Any, ...]:
            self._run.reporter.block = item[0]
            turn = self._turns.of(item[0], blocks, item[1], data)(sweep.finished)
            with self._lane():
                point = point_of(self._steps, state, turn)
                del state
                ratios = blur(self._steps, point, data, self._optics, turn, out=point)
            if self._run.image.loads_copies:
                self._set_aside(data.image)
            self._run.reporter.advance(1)
            return ratios

        return compute

    def _correct(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        blocks = len(sweep.cut)

        def compute(item: tuple[int, Block], state: State, ratios: tuple[Any, ...], weight: Any) -> tuple[Any, ...]:
            self._run.reporter.block = item[0]
            turn = self._turns.of(item[0], blocks, item[1], None)(sweep.before)
            with self._lane():
                point = point_of(self._steps, state, turn)
                state, free = advance(self._steps, state, point, ratios, weight, self._optics, turn)
            self._set_aside(free)
            self._run.reporter.advance(1)
            return tuple(state[part] for part, _ in sweep.written)

        return compute

    def _ends(self, finished: int) -> bool:
        """Whether a sweep of a single block ends here, since that was enough; others end the run when they are done."""
        return self._run.record is not None and self._run.record.enough(finished)

    def _save(self, targets: list[Target], arrays: tuple[Any, ...], number: int, block: Block) -> None:
        run = self._run
        run.written = True
        with self._lane():
            for target, array in zip(targets, arrays, strict=True):
                if array is not None:
                    target.store.save(array, run.pace.carried(block) if target.thin else block)
        self._set_aside(*(array for target, array in zip(targets, arrays, strict=True) if not target.thin))
        if run.checkpoint:
            run.checkpoint.reach(run.reporter.sweep - 1, number, run.pace.to_dict())
