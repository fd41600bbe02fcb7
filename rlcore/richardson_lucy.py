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
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from rlcore.acceleration import TELLING, Acceleration, Predict, prediction_of
from rlcore.backend import (
    A,
    Backend,
    Footprint,
    Shape,
    SupportsExpansion,
    SupportsFusion,
    SupportsPrediction,
    Volume,
    real_dtype,
)
from rlcore.blocks import Box
from rlcore.boundary import WeightTable


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

    With acceleration the estimate before, a constant where the prediction is composed, and the point before where the
    next factor depends on it. With split data both halves beside what is blurred, and a sum where ratios are composed.
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


class Steps(Protocol[A]):
    """The four steps of an iteration, and what they need beforehand, on blocks of one shape."""

    def transfer(self, kernel: A) -> Any: ...
    def weight(self, weight: WeightTable | None) -> Any: ...
    def inside(self, image: Box | None) -> Any: ...
    def convolve(self, array: A, transfer: Any, *, out: A | None = None) -> A: ...
    def correlate(self, array: A, transfer: Any, *, out: A | None = None) -> A: ...
    def ratio(
        self, image: A, blurred: A, *, background: float, floor: float, inside: Any, out: A | None = None
    ) -> A: ...
    def update(self, estimate: A, correction: A, weight: Any, *, out: A | None = None) -> A: ...

    @property
    def predict(self) -> Predict: ...


def steps_for(backend: Backend[A], shape: Shape) -> Steps[A]:
    """The backend's own fused steps, or the same steps composed of its basic operations."""
    return Fused(backend, shape) if isinstance(backend, SupportsFusion) else Composed(backend, shape)


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
    """Where the step to the newest started; None where no factor depends on it, and before the first step."""


Tell = Callable[[Any, Any, Any, Any], None]
"""Told of every step: the new estimate, the point it started from, and both of the step before."""


class Turn(NamedTuple):
    """What one iteration has of its own."""

    factor: float | None = None
    """How far the point is predicted beyond the estimate; None without acceleration."""
    least: float = 1.0
    """Least share of a voxel that the prediction leaves of it."""
    watch: Watch | None = None
    tell: Tell | None = None
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
    point: A = steps.predict(newest, state.previous, turn.factor, least=turn.least, out=state.previous)
    return point


def advance(
    steps: Steps[A], state: State, point: A, ratios: tuple[A, ...], weight: Any, optics: Optics, turn: Turn
) -> State:
    """Second half-step: the point times 1 + w H^T ratio. Overwrites the ratios, the first of which becomes the step."""
    corrections = [steps.correlate(ratio, optics.transfer, out=ratio) for ratio in ratios]
    correction = corrections[0] if turn.agree is None else turn.agree(*corrections, out=corrections[0])
    del corrections
    estimate = steps.update(point, correction, weight, out=correction)
    if turn.smooth is not None:
        estimate = turn.smooth(estimate, point)
    if turn.tell is None:
        return State(estimate, state.estimate)
    if state.point is not None:
        turn.tell(estimate, point, state.estimate, state.point)
    return State(estimate, state.estimate, point)


def iterate(
    steps: Steps[A], state: State, data: Data, weight: Any, optics: Optics, turns: Iterable[Turn]
) -> Iterator[State]:
    """Yield the state after each iteration, one for each turn; it is overwritten by the next."""
    work = None
    for turn in turns:
        point = point_of(steps, state, turn)
        ratios = blur(steps, point, data, optics, turn, out=work)
        work = point if turn.tell is None else state.point
        state = advance(steps, state, point, ratios, weight, optics, turn)
        del point, ratios
        yield state


class Fused(Generic[A]):
    """The steps as the backend itself fuses them."""

    def __init__(self, backend: Any, shape: Shape) -> None:
        self._backend = backend
        self._shape = shape
        self.convolve, self.correlate = backend.convolve, backend.correlate
        self.ratio, self.update = backend.ratio, backend.update

    @cached_property
    def predict(self) -> Predict:
        return prediction_of(self._backend, self._shape)

    def transfer(self, kernel: A) -> Any:
        return self._backend.fft(kernel)

    def weight(self, weight: WeightTable | None) -> Any:
        return None if weight is None else _expand(self._backend, weight.values, weight.index)

    def inside(self, image: Box | None) -> Box | None:
        return image


class Composed(Generic[A]):
    """The steps out of the basic operations, for backends that have no fused ones."""

    def __init__(self, backend: Backend[A], shape: Shape) -> None:
        self._backend = backend
        self._shape = shape

    def transfer(self, kernel: A) -> tuple[A, A]:
        """Spectra of the PSF and of its mirror image about voxel 0, by which to correlate."""
        return self._backend.fft(kernel), self._backend.fft(self._backend.flip(kernel))

    def weight(self, weight: WeightTable | None) -> A | None:
        return None if weight is None else _expand(self._backend, weight.values, weight.index)

    def inside(self, image: Box | None) -> A | float:
        """What makes a ratio the ratio less 1: -1 on the image and 0 outside it."""
        if image is None:
            return -1.0
        ends = zip(image.start, image.stop, self._shape, strict=True)
        index = tuple(((np.arange(n) >= a) & (np.arange(n) < b)).astype(np.intp) for a, b, n in ends)
        corner: Volume = np.zeros((2,) * len(self._shape))
        corner[(1,) * len(self._shape)] = -1.0
        return _expand(self._backend, corner, index)

    def convolve(self, array: A, transfer: tuple[A, A], *, out: A | None = None) -> A:
        return self._filter(array, transfer[0], out)

    def correlate(self, array: A, transfer: tuple[A, A], *, out: A | None = None) -> A:
        return self._filter(array, transfer[1], out)

    def ratio(
        self, image: A, blurred: A, *, background: float, floor: float, inside: A | float, out: A | None = None
    ) -> A:
        if background:
            blurred = self._backend.add(blurred, background, out=None if out is image else out)
        ratio = self._backend.divide(image, blurred, floor=floor, out=out)
        return self._backend.add(ratio, inside, out=ratio)

    def update(self, estimate: A, correction: A, weight: A | None, *, out: A | None = None) -> A:
        factor = correction
        if weight is not None:
            factor = self._backend.multiply(factor, weight, out=factor)
        factor = self._backend.add(factor, 1.0, out=factor)
        factor = self._backend.clamp(factor, 0.0, out=factor)
        return self._backend.multiply(estimate, factor, out=out)

    @cached_property
    def predict(self) -> Predict:
        return prediction_of(self._backend, self._shape)

    def _filter(self, array: A, transfer: A, out: A | None) -> A:
        product = self._backend.fft(array)
        product = self._backend.multiply(product, transfer, out=product)
        return self._backend.ifft(product, self._shape, out=out)


def _expand(backend: Backend[A], table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> A:
    if isinstance(backend, SupportsExpansion):
        expanded: A = backend.expand(table, index)
        return expanded
    return backend.upload(table.astype(real_dtype(backend))[np.ix_(*index)])
