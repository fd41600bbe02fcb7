"""Runs a plan: sweeps over blocks, transfers beside the computation, progress, cancelling, checkpoints."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rlcore.backend import Backend, Shape, SupportsStreams
from rlcore.blocks import Block, Box
from rlcore.boundary import Weights
from rlcore.caution import caution
from rlcore.errors import BudgetError, OutOfMemory
from rlcore.execution.checkpoint import Checkpoint
from rlcore.execution.progress import Reporter
from rlcore.execution.record import Record
from rlcore.execution.stores import Store
from rlcore.execution.sweeps import RATIO, START, Sweep, sweeps
from rlcore.execution.working import WorkingVolumes
from rlcore.kernel import on_device
from rlcore.planner.plan import Plan
from rlcore.psf import PSF
from rlcore.richardson_lucy import Data, Optics, State, Steps, Watch, advance, blur, iterate, steps_for


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
    point goes along, so nothing of the momentum is lost.
    """
    state, finished = START, 0
    while True:
        todo = run.sweeps(plan, state, finished)
        if run.record:
            run.record.forget(finished)
        past = run.checkpoint.state.sweep if run.checkpoint else 0
        run.reporter.begin([sweep.units for sweep in todo], past, finished / plan.iterations)
        if past == len(todo) or (past and run.has_ended(todo[past - 1])):  # killed between the last sweep and the end
            return str(todo[-1].result[0].estimate)
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
        caution(f"{cause}; going on from iteration {finished} by a smaller plan: {plan}", ReplanWarning)


class _Engine:
    """One plan's blocks on one backend."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self._run, self._plan = run, plan
        self._steps: Steps[Any] = steps_for(run.backend, plan.block_shape)
        kernel = on_device(run.backend, run.psf, plan.block_shape)
        self._optics = Optics(self._steps.transfer(kernel), run.background, run.floor)
        self._weights = Weights(run.psf.values, plan.geometry)
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
        stages = _Stages(
            self._loader(sweep), self._computer(sweep), lambda arrays, item: self._save(targets, arrays, *item)
        )
        try:
            stages.run(numbered, overlap=self._plan.overlap)
        finally:
            self._spare.clear()
        if run.checkpoint:
            run.checkpoint.reach(run.reporter.sweep, 0)

    def _targets(self, sweep: Sweep) -> tuple[Store, ...]:
        """Where what is computed goes: the estimate, and the point if the sweep predicts one; or the ratio."""
        names = (RATIO,) if sweep.kind == "blur" else tuple(dict.fromkeys(reversed(sweep.target)))
        return tuple(self._run.volumes.store(name, self._plan.residence) for name in names)

    def _loader(self, sweep: Sweep) -> Callable[[tuple[int, Block]], tuple[Any, ...]]:
        """What a block of this sweep needs on the device: the state, then image or ratio, then the weight.

        The estimate beside the point is read only where something is predicted from it.
        """
        run, residence = self._run, self._plan.residence
        point, estimate = (run.volumes.store(name, residence) for name in sweep.source)
        ratio = run.volumes.store(RATIO, residence) if sweep.kind == "correct" else None
        predicts = any(factor is not None for factor in sweep.factors)

        def load(item: tuple[int, Block]) -> tuple[Any, ...]:
            box = item[1].read
            with self._lane():
                weight = None if sweep.kind == "blur" else self._steps.weight(self._weights.of(box))
                start = self._load(point, box)
                state = State(start, self._load(estimate, box) if predicts else start)
                return state, self._load(ratio, box) if ratio else self._data(box), weight

        return load

    def _load(self, store: Store, box: Box) -> Any:
        return store.load(box, self._spare.pop() if self._spare else None)

    def _data(self, box: Box) -> Data:
        """The image in a box, and which of its voxels are the image's; all of them where it repeats."""
        geometry = self._plan.geometry
        shared = box.intersect(geometry.image)
        everywhere = geometry.wraps or shared == box
        return Data(self._load(self._run.image, box), self._steps.inside(None if everywhere else shared.seen_from(box)))

    def _computer(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        """What is done to it: the half-steps of the sweep. It gives an array for each target."""
        return {"iterate": self._iterate, "blur": self._blur, "correct": self._correct}[sweep.kind](sweep)

    def _iterate(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        def compute(item: tuple[int, Block], state: State, data: Data, weight: Any) -> tuple[Any, ...]:
            reporter, iterations = self._run.reporter, len(sweep.factors)
            reporter.block = item[0]
            before = range(sweep.finished - iterations, sweep.finished)
            watches = [self._watch(sweep, finished, item, data) for finished in before]
            steps = iterate(self._steps, state, data, weight, self._optics, sweep.factors, watches)
            del state
            for done in range(1, iterations + 1):
                with self._lane():
                    state = next(steps)
                reporter.advance(2, sweep.finished - iterations + done if len(sweep.cut) == 1 else None)
                if self._ends(sweep, sweep.finished - iterations + done):
                    break
            return state.estimate, state.point

        return compute

    def _blur(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        def compute(item: tuple[int, Block], state: State, data: Data, weight: Any) -> tuple[Any, ...]:
            self._run.reporter.block = item[0]
            with self._lane():
                watch = self._watch(sweep, sweep.finished, item, data)
                ratio = blur(self._steps, state.point, data, self._optics, watch=watch, out=state.point)
            if self._run.image.loads_copies:
                self._spare.append(data.image)
            self._run.reporter.advance(1)
            return (ratio,)

        return compute

    def _correct(self, sweep: Sweep) -> Callable[..., tuple[Any, ...]]:
        def compute(item: tuple[int, Block], state: State, ratio: Any, weight: Any) -> tuple[Any, ...]:
            self._run.reporter.block = item[0]
            with self._lane():
                state = advance(self._steps, state, ratio, weight, self._optics, sweep.factors[0])
            self._spare.append(ratio)
            self._run.reporter.advance(1)
            return state.estimate, state.point

        return compute

    def _watch(self, sweep: Sweep, finished: int, item: tuple[int, Block], data: Data) -> Watch | None:
        """What notes how the point after so many iterations fits, in a block's own part of the image."""
        record, (number, block) = self._run.record, item
        if record is None:
            return None
        return record.watch(finished + 1, number, len(sweep.cut), block, data, self._optics)

    def _ends(self, sweep: Sweep, finished: int) -> bool:
        """Whether a sweep of a single block ends here, since that was enough; others end the run when they are done."""
        return len(sweep.cut) == 1 and self._run.record is not None and self._run.record.enough(finished)

    def _save(self, targets: tuple[Store, ...], arrays: tuple[Any, ...], number: int, block: Block) -> None:
        self._run.written = True
        with self._lane():
            for target, array in zip(targets, arrays, strict=False):  # without a prediction the point is the estimate
                target.save(array, block)
        self._spare.extend({id(array): array for array in arrays}.values())
        if self._run.checkpoint:
            self._run.checkpoint.reach(self._run.reporter.sweep - 1, number)

    def _lane(self) -> contextlib.AbstractContextManager[None]:
        backend = self._run.backend
        return backend.lane() if isinstance(backend, SupportsStreams) else contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class _Stages:
    """Load, compute, save: one after the other, or beside each other with one block ahead and one behind."""

    load: Callable[[tuple[int, Block]], tuple[Any, ...]]
    compute: Callable[..., Any]
    save: Callable[[tuple[Any, ...], tuple[int, Block]], None]

    def run(self, items: Iterator[tuple[int, Block]], *, overlap: bool) -> None:
        if overlap:
            with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
                self._beside(items, reader, writer)
        else:
            for item in items:
                self.save(self.compute(item, *self.load(item)), item)

    def _beside(
        self, items: Iterator[tuple[int, Block]], reader: ThreadPoolExecutor, writer: ThreadPoolExecutor
    ) -> None:
        behind: Future[None] | None = None
        item = next(items, None)
        ahead = None if item is None else reader.submit(self.load, item)
        while item is not None and ahead is not None:
            loaded, present = ahead.result(), item
            item = next(items, None)
            ahead = None if item is None else reader.submit(self.load, item)
            arrays = self.compute(present, *loaded)
            del loaded
            if behind is not None:
                behind.result()
            behind = writer.submit(self.save, arrays, present)
            del arrays
        if behind is not None:
            behind.result()
