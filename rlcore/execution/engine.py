"""The engine: runs a plan, sweep by sweep, and goes on by a smaller plan if memory runs out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rlcore.algorithm.boundary import Weights
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.regularization import Regularizer
from rlcore.algorithm.richardson_lucy import (
    Data,
    Model,
    State,
    advance,
    blur,
    extrapolate,
    iterate,
    weight_of_data,
)
from rlcore.backend import Backend, Box, Shape, Streams, overrides
from rlcore.backend.boxes import Block
from rlcore.errors import BudgetError, OutOfMemory, caution
from rlcore.execution.checkpoint import Checkpoint
from rlcore.execution.executors import BlockWork, NumberedBlock
from rlcore.execution.executors.threads import ThreadExecutor
from rlcore.execution.history import History
from rlcore.execution.iteration import IterationContexts
from rlcore.execution.progress import Reporter
from rlcore.execution.sweeps import OTHER_RATIO, RATIO, START, Sweep, sweeps
from rlcore.execution.volumes.stores import Store, check_shape
from rlcore.execution.volumes.working import WorkingVolumes
from rlcore.optics.otf import otf_for
from rlcore.optics.psf import PSF
from rlcore.planner.plan import Plan


class ReplanWarning(UserWarning):
    """Memory that a plan had counted on was not there; the run goes on by a smaller plan."""


@dataclass(slots=True)
class Work:
    """Everything that the engine works with, whatever the plan."""

    backend: Backend[Any]
    psf: PSF
    image: Store
    weights: Store | None
    """Data weights; None if all voxels of the image count alike."""
    volumes: WorkingVolumes
    background: float
    floor: float
    """Smallest divisor."""
    chunks: Shape
    """Shape of the result's chunks; 1 voxel if it has none."""
    reporter: Reporter
    checkpoint: Checkpoint | None
    smaller_plan: Callable[[Plan], Plan]
    """Makes the plan to go on by when memory ran out."""
    momentum: MomentumSchedule
    regularizer: Regularizer
    gather: bool
    """True if a result in memory is gathered at the end, so that it needs no memory beside the working volumes."""
    history: History | None = None
    written: bool = False
    """True once a block of the current sweep has been written."""

    def sweeps(self, plan: Plan, state: State, finished: int) -> list[Sweep]:
        """The remaining sweeps of a plan, from this state on."""
        return list(
            sweeps(
                plan,
                self.chunks,
                state=state,
                finished=finished,
                keep_last=self.checkpoint is not None,
                gather=self.gather and plan.placement in ("host", "scratch"),
            )
        )

    def has_ended(self, iterations: int) -> bool:
        """True if a stopping rule ends the run after so many iterations."""
        return self.history is not None and self.history.enough(iterations)


def execute(work: Work, plan: Plan) -> str:
    """Run the plan to its end, and return the name of the volume that holds the result.

    If memory runs out, the run goes on by a smaller plan from the last finished sweep, with a `ReplanWarning`; the
    previous estimate goes along, so none of the momentum is lost.
    """
    state, finished = START, 0
    if work.checkpoint:
        work.momentum.restore(work.checkpoint.state.momentum)
    while True:
        todo = work.sweeps(plan, state, finished)
        if work.history:
            work.history.forget(finished)
        past = work.checkpoint.finished([len(sweep.tiling) for sweep in todo]) if work.checkpoint else 0
        work.reporter.begin([sweep.units for sweep in todo], past, finished / plan.iterations)
        # the run may have been killed between its last sweep and its end
        if past == len(todo) or (past and work.has_ended(todo[past - 1].finished)):
            return str(todo[past - 1].result[0].estimate)
        sweep = todo[past]
        try:
            engine = Engine(work, plan)
            for sweep in todo[past:]:
                engine.sweep(sweep)
                state, finished = sweep.result
                work.reporter.finish_sweep(finished)
                if work.has_ended(finished):
                    break
            return str(state.estimate)
        except MemoryError as error:
            if error is work.reporter.failure:
                raise  # the callback's own, which no smaller plan mends
            # a half-written volume that overwrote its own input cannot be computed again
            if work.checkpoint is not None or (sweep.in_place and work.written):
                raise
            cause = str(error) or "memory ran out"
        try:
            plan = work.smaller_plan(plan)
        except BudgetError as refusal:
            raise OutOfMemory(f"{cause}; {refusal}") from refusal
        work.momentum.forget(finished)
        caution(f"{cause}; going on from iteration {finished} by a smaller plan: {plan}", ReplanWarning)


class Engine:
    """Runs the sweeps of one plan on one backend."""

    def __init__(self, work: Work, plan: Plan) -> None:
        self._work, self._plan, self._backend = work, plan, work.backend
        otf = otf_for(work.backend, work.psf, plan.block_shape)
        self._model = Model(otf, work.background, work.floor)
        self._weights = Weights(work.psf.values, plan.geometry)
        self._contexts = IterationContexts(plan, self._model, work.momentum, work.history, work.regularizer)
        self._executor = ThreadExecutor(plan.overlap)
        streams = isinstance(work.backend, Streams)
        self._stream: Callable[[], contextlib.AbstractContextManager[None]] = (
            work.backend.stream if streams else contextlib.nullcontext  # type: ignore[attr-defined]
        )
        self._reuses = overrides(work.backend, "read")
        self._spare: list[Any] = []
        """Arrays of a block's shape that are no longer needed; allocating new memory is slow."""
        self._reusable = 0
        """Number of arrays that a block of the current sweep is read into; more would be memory that no plan counts."""

    def sweep(self, sweep: Sweep) -> None:
        """Run a sweep over the blocks that are not done yet, and record each one in the checkpoint when it is saved."""
        work = self._work
        work.written = False
        work.reporter.block, work.reporter.blocks = 1, len(sweep.tiling)
        done: frozenset[int] = frozenset()
        if work.checkpoint:
            work.checkpoint.begin(work.reporter.sweep, self._reads(sweep), self._writes(sweep))
            done = work.checkpoint.done(work.reporter.sweep)
        work.reporter.skip(len(done) * sweep.units / len(sweep.tiling))
        numbered = (item for item in enumerate(sweep.tiling, start=1) if item[0] not in done)
        compute = {"iterate": self._iterate, "blur": self._blur, "correct": self._correct}[sweep.kind](sweep)
        try:
            self._executor.run(BlockWork(self._loader(sweep), compute, self._saver(sweep)), numbered)
        finally:
            self._spare.clear()

    def _reads(self, sweep: Sweep) -> list[str]:
        """Volumes that have to be complete before a sweep."""
        names = {sweep.source.estimate, sweep.source.previous, *(self._ratios() if sweep.kind == "correct" else ())}
        if sweep.source.point and sweep.written:
            names.add(sweep.source.point)
        return sorted(names - {START.estimate})

    def _writes(self, sweep: Sweep) -> list[str]:
        """Volumes that a sweep writes, first one that each of its blocks writes."""
        return list(self._ratios()) if sweep.kind == "blur" else [name for _, name in sweep.written]

    def _loader(self, sweep: Sweep) -> Callable[[NumberedBlock], tuple[Any, ...]]:
        """Loads the state of a block, then its image or its ratios, then its weight; of data weights, these themselves.

        The previous estimate is read only for extrapolation, the point only for adaptive momentum.
        """
        estimate, previous = self._store(sweep.source.estimate), self._store(sweep.source.previous)
        point = self._store(sweep.source.point) if sweep.source.point and sweep.written else None
        ratios = [self._store(name) for name in self._ratios()] if sweep.kind == "correct" else None
        self._reusable = (1 if self._plan.acceleration == "none" else 2) + (len(ratios) if ratios else 1)

        def load(item: NumberedBlock) -> tuple[Any, ...]:
            block = item[1]
            with self._stream():
                weight = self._weight(sweep, block.extent)
                newest = self._load(estimate, block.extent)
                before = newest if self._plan.acceleration == "none" else self._load(previous, block.extent)
                state = State(newest, before, self._load_planes(point, block) if point else None)
                given = tuple(self._load(ratio, block.extent) for ratio in ratios) if ratios else self._data(block)
                return state, given, weight

        return load

    def _store(self, name: str) -> Store:
        return self._work.volumes.store(name, self._plan.placement)

    def _ratios(self) -> tuple[str, ...]:
        """The volumes between half-steps: a ratio, or one for each half of the counts."""
        return (RATIO,) if self._plan.regularization != "consensus" else (RATIO, OTHER_RATIO)

    def _weight(self, sweep: Sweep, box: Box) -> Any:
        """The weight of a block; for a correcting half-step the data weights that `_weight_of_data` makes it of."""
        if sweep.kind == "blur" or (self._work.weights is not None and sweep.kind == "iterate"):
            return None
        if self._work.weights is not None:
            return self._work.weights.load(box)
        table = self._weights.of(box)
        return None if table is None else self._backend.expand(table.values, table.index)

    def _weight_of_data(self, weights: Any, box: Box, *, out: Any = None) -> Any:
        """The weight of a block by its data weights, which it holds as far as its ratios.

        It takes another two transforms a block, and no volume that would have to be kept with the estimates.
        """
        table = self._weights.domain_in(box)
        inside = (
            self._backend.full(box.shape, 1.0) if table is None else self._backend.expand(table.values, table.index)
        )
        return weight_of_data(self._backend, weights, inside, self._model, out=out)

    def _load(self, store: Store, box: Box) -> Any:
        return store.load(box, self._spare.pop() if self._spare else None)

    def _load_planes(self, point: Store, block: Block) -> Any:
        """The sampled planes of the previous point; None if the block has none of them."""
        box = self._work.momentum.carried(block).extent
        return point.load(box) if box.size else None

    def _set_aside(self, *arrays: Any) -> None:
        """Keep arrays for later blocks, if the backend reads blocks into existing memory."""
        if self._reuses:
            self._spare.extend({id(array): array for array in arrays if array is not None}.values())
            del self._spare[self._reusable :]

    def _data(self, block: Block) -> Data:
        """The image in a block, and the mask of the voxels that are fitted, where both image and blur are known.

        Near the faces by which a block was cut out, the blur lacks light from beyond them and has light that wrapped
        around in its place. A ratio there may be as large as the inverse of the floor, and the rounding of transforms
        would spread some of it everywhere.
        """
        geometry, box = self._plan.geometry, block.extent
        whole = box if geometry.wraps else geometry.image
        inside = box.intersect(whole).intersect(self._plan.blurred_in(block))
        mask = self._backend.mask(None if inside == box else inside.seen_from(box), box.shape)
        weights = None if self._work.weights is None else self._work.weights.load(box)
        return Data(self._load(self._work.image, box), mask, weights)

    def _iterate(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        blocks = len(sweep.tiling)

        def compute(item: NumberedBlock, state: State, data: Data, weight: Any) -> tuple[Any, ...]:
            reporter = self._work.reporter
            reporter.block = item[0]
            if data.weights is not None:
                with self._stream():
                    weight = self._weight_of_data(data.weights, item[1].extent)
            contexts = map(self._contexts.of(item[0], blocks, item[1], data), range(sweep.before, sweep.finished))
            states = iterate(self._backend, state, data, weight, self._model, contexts)
            del state  # its arrays are overwritten on the way
            for finished in range(sweep.before + 1, sweep.finished + 1):
                with self._stream():
                    state = next(states)
                reporter.advance(2, finished if blocks == 1 else None)
                # only a single block may end within a sweep; others end the run after it
                if blocks == 1 and self._work.has_ended(finished):
                    break
            return tuple(state[part] for part, _ in sweep.written)

        return compute

    def _blur(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        blocks = len(sweep.tiling)

        def compute(item: NumberedBlock, state: State, data: Data, weight: Any) -> tuple[Any, ...]:
            self._work.reporter.block = item[0]
            context = self._contexts.of(item[0], blocks, item[1], data)(sweep.finished)
            with self._stream():
                point = extrapolate(self._backend, state, context)
                del state
                ratios = blur(self._backend, point, data, self._model, context, out=point)
            self._set_aside(data.image)
            self._work.reporter.advance(1)
            return ratios

        return compute

    def _correct(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        blocks = len(sweep.tiling)

        def compute(item: NumberedBlock, state: State, ratios: tuple[Any, ...], weight: Any) -> tuple[Any, ...]:
            self._work.reporter.block = item[0]
            context = self._contexts.of(item[0], blocks, item[1], None)(sweep.before)
            with self._stream():
                if self._work.weights is not None:
                    weight = self._weight_of_data(weight, item[1].extent, out=weight)
                point = extrapolate(self._backend, state, context)
                state, free = advance(self._backend, state, point, ratios, weight, self._model, context)
            self._set_aside(free)
            self._work.reporter.advance(1)
            return tuple(state[part] for part, _ in sweep.written)

        return compute

    def _saver(self, sweep: Sweep) -> Callable[[tuple[Any, ...], NumberedBlock], None]:
        """Saves the computed arrays: ratios, or the parts of the next state that are written."""
        points = {name for part, name in sweep.written if part == State._fields.index("point")}
        names = self._writes(sweep)
        targets, work = [(self._store(name), name in points) for name in names], self._work
        number = work.reporter.sweep

        def save(arrays: tuple[Any, ...], item: NumberedBlock) -> None:
            work.written = True
            if work.checkpoint:
                work.checkpoint.before_saving()
            with self._stream():
                for (target, sampled), array in zip(targets, arrays, strict=True):
                    if array is not None:
                        if not sampled:
                            check_shape(work.backend, array, item[1].extent)
                        target.save(array, work.momentum.carried(item[1]) if sampled else item[1])
            is_written = [array is not None for array in arrays]
            self._set_aside(*(array for (_, sampled), array in zip(targets, arrays, strict=True) if not sampled))
            if work.checkpoint:
                cores = {
                    name: (work.momentum.carried(item[1]) if sampled else item[1]).core
                    for name, (_, sampled), written in zip(names, targets, is_written, strict=True)
                    if written
                }
                history = work.history.to_dict() if work.history else None
                work.checkpoint.reach(number, item[0], cores, work.momentum.to_dict(), history)

        return save
