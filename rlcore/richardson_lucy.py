"""Richardson-Lucy on one block: the formula, and how many arrays it holds at once.

    f <- f * w * H^T ( g / (H f + b) )  =  f * ( 1 + w * H^T ( g / (H f + b) - 1 ) )

(Richardson 1972; Lucy 1974; the weight w = 1 / (H^T 1) of Bertero & Boccacci 2005.) The two are the same, since
w H^T 1 = 1 with 1 on the image and 0 outside it. The second is what is computed: what goes through the transforms is
the ratio less 1, which shrinks as the fit improves, and their rounding with it. In float32 it is ten times as exact.

An iteration is two half-steps: `blur` takes the estimate f to the ratio less 1, `advance` takes that back to a better
estimate. With acceleration both start from a point y beside the estimate, which `point_of` predicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, SupportsFloat

from rlcore.acceleration import LEAST_SHARE, TELLING, Acceleration
from rlcore.backend import (
    A,
    Backend,
    Footprint,
    SupportsFusion,
    SupportsPrediction,
)
from rlcore.scout import Scout
from rlcore.steps import Steps


@dataclass(frozen=True, slots=True)
class Held:
    """Arrays of a block's shape that are alive at once during an iteration."""

    reals: int
    spectra: int

    def bytes(self, footprint: Footprint) -> int:
        return self.reals * footprint.real + self.spectra * footprint.spectrum + footprint.scratch


FUSED = Held(reals=4, spectra=1)
"""estimate, image, weight, work; transfer."""

FUSED_HALF = Held(reals=3, spectra=1)
"""A half-step alone: estimate and image, or estimate, ratio and weight; transfer."""

COMPOSED = Held(reals=5, spectra=3)
"""estimate, image, inside, weight, work; transfer, mirrored transfer, product."""

COMPOSED_HALF = Held(reals=3, spectra=3)
"""A half-step alone: estimate, image, inside, or estimate, ratio, weight; transfer, mirrored transfer, product."""


def held_by(
    backend: Backend[Any], *, half: bool = False, acceleration: Acceleration = "none", split: bool = False
) -> Held:
    """What an iteration holds on this backend, or a half-step alone.

    With acceleration the estimate before, a constant where the prediction is composed, and where the next factor
    depends on it the point before, or what a look at a few planes takes. With split data both halves beside what is
    blurred, and a sum where ratios are composed.
    """
    if isinstance(backend, SupportsFusion):
        held = FUSED_HALF if half else FUSED
    else:
        held = COMPOSED_HALF if half else COMPOSED
    more = 0
    if acceleration != "none":
        more += (1 if isinstance(backend, SupportsPrediction) else 2) + (acceleration in TELLING)
    if split:
        more += 2 + (not isinstance(backend, SupportsFusion))
    return replace(held, reals=held.reals + more)


@dataclass(frozen=True, slots=True)
class Optics:
    """What stays the same through a run: the transfer spectrum, the background b and the floor under divisions."""

    transfer: Any
    background: float
    floor: float


@dataclass(frozen=True, slots=True)
class Data:
    """What a block is fitted to: the image g, and which of its voxels the image has (as `Steps.inside` made it)."""

    image: Any
    inside: Any


Watch = Callable[[Any], None]
"""Told of every blurred array H f."""


class State(NamedTuple):
    """What is carried from one iteration to the next, as arrays on the device or as the names of volumes."""

    estimate: Any
    """The newest."""
    previous: Any
    """The one before; of no account without acceleration, where the newest may stand for it."""
    point: Any = None
    """Where the step to the newest started, as a `Scout` takes it; None where no factor depends on it, and before the
    first step."""


class Turn(NamedTuple):
    """What one iteration has of its own."""

    factor: SupportsFloat | None = None
    """How far the point is predicted beyond the estimate; None without acceleration."""
    watch: Watch | None = None
    scout: Scout | None = None
    """Looks at the step, where the next factor depends on it."""
    split: Callable[[Any], tuple[Any, Any]] | None = None
    """Makes two data of the image, each of which stands for it; their corrections become one by `agree`."""
    agree: Callable[..., Any] | None = None
    smooth: Callable[[Any, Any], Any] | None = None
    """Changes a step in place, given the point that it started from."""


def blur(steps: Steps[A], point: A, data: Data, optics: Optics, turn: Turn, *, out: A | None = None) -> tuple[A, ...]:
    """First half-step: g / (H f + b) - 1 on the image, 0 outside it; into `out`, which may be the point.

    Where the data are split, one ratio for each half.
    """
    blurred = steps.convolve(point, optics.transfer, out=out)
    if turn.watch is not None:
        turn.watch(blurred)
    options = {"background": optics.background, "floor": optics.floor, "inside": data.inside}
    if turn.split is None:
        return (steps.ratio(data.image, blurred, **options, out=blurred),)
    first, second = turn.split(data.image)
    return steps.ratio(first, blurred, **options, out=first), steps.ratio(second, blurred, **options, out=blurred)


def point_of(steps: Steps[A], state: State, turn: Turn) -> A:
    """Where the next step starts. Overwrites the previous estimate."""
    newest: A = state.estimate
    if turn.factor is None:
        return newest
    point: A = steps.predict(newest, state.previous, turn.factor, least=LEAST_SHARE, out=state.previous)
    return point


def advance(
    steps: Steps[A], state: State, point: A, ratios: tuple[A, ...], weight: Any, optics: Optics, turn: Turn
) -> tuple[State, A]:
    """Second half-step: the point times 1 + w H^T ratio; and an array that is free for other use.

    In place of the point, or of the first ratio where the point is needed besides.
    """
    corrections = [steps.correlate(ratio, optics.transfer, out=ratio) for ratio in ratios]
    correction = corrections[0] if turn.agree is None else turn.agree(*corrections, out=corrections[0])
    scout = turn.scout
    if turn.smooth is None and (scout is None or scout.planes is not None):
        told = None
        if scout is not None:
            there = {"point": point, "newest": state.estimate, "before": state.point}
            told = scout.step(steps, correction, turn.factor, **there)
        return State(steps.update(point, correction, weight, out=point), state.estimate, told), correction
    estimate = steps.update(point, correction, weight, out=correction)
    if turn.smooth is not None:
        estimate = turn.smooth(estimate, point)
    if scout is None:
        return State(estimate, state.estimate), point
    told = scout.take(point)
    scout.tell(scout.take(estimate), told, scout.take(state.estimate), state.point)
    return State(estimate, state.estimate, told), state.point if told is point else point


def iterate(
    steps: Steps[A], state: State, data: Data, weight: Any, optics: Optics, turns: Iterable[Turn]
) -> Iterator[State]:
    """Yield the state after each iteration, one for each turn. The next overwrites the one before."""
    work: Any = None
    for turn in turns:
        point = point_of(steps, state, turn)
        ratios = blur(steps, point, data, optics, turn, out=work)
        state, work = advance(steps, state, point, ratios, weight, optics, turn)
        del ratios
        yield state
