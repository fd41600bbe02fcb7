"""Richardson-Lucy on one block.

    f <- f * w * H^T ( g / (H f + b) )  =  f * ( 1 + w * H^T ( g / (H f + b) - 1 ) )

(Richardson 1972; Lucy 1974; the weight w = 1 / (H^T 1) of Bertero & Boccacci 2005.) The two forms are equal, since
w H^T 1 = 1 with 1 on the image and 0 outside it. The second one is computed: the transforms then act on the ratio less
1, which shrinks as the fit improves, and their rounding with it. In float32 this is ten times as exact.

Voxels of the image may count by data weights m, which are 0 where a camera has told nothing of the light. The step is
then that of the likelihood in which each voxel counts m times:

    f <- f * ( 1 + w * H^T ( m * (g / (H f + b) - 1) ) ),    w = 1 / (H^T m)

An iteration is two half-steps: `blur` takes the estimate f to the ratio less 1, `advance` takes that back to a better
estimate. With acceleration both start from a point y beside the estimate, which `extrapolate` computes. How many arrays
are held at once is stated in `rlcore.backend.Backend.live_arrays`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlcore.algorithm.acceleration import MINIMUM_SHARE
from rlcore.algorithm.boundary import MINIMUM_REACH
from rlcore.algorithm.momentum import Comparison
from rlcore.backend import A, Backend


@dataclass(frozen=True, slots=True)
class Model:
    """The image formation that stays the same through a run: OTF, background b, and the floor under divisions."""

    otf: Any
    background: float
    floor: float


@dataclass(frozen=True, slots=True)
class Data:
    """The image g in a block, the mask of those of its voxels that are fitted (made by `Backend.mask`), and weights m.

    `weights` is None if all voxels count alike.
    """

    image: Any
    inside: Any
    weights: Any = None


class State(NamedTuple):
    """The arrays that an iteration hands to the next, or the names of the volumes that hold them."""

    estimate: Any
    """The newest estimate."""
    previous: Any
    """The previous estimate. Ignored without acceleration; may then be `estimate`."""
    point: Any = None
    """Sampled planes of the point that the step to the newest estimate started from; None unless the momentum is
    adaptive, and before the first step."""


class IterationContext(NamedTuple):
    """The parts of an iteration that differ from one to the next, or from one run to another."""

    momentum: Any = None
    """Momentum of the step, a float or what the backend's `momentum` returned; None without acceleration."""
    watch: Callable[[Any], None] | None = None
    """Called with the blurred array H f."""
    comparison: Comparison | None = None
    """Compares the step with the one before, if a later momentum depends on it."""
    split: Callable[[Any], tuple[Any, Any]] | None = None
    """Makes two images of one, each of which stands for it; `agree` makes one correction of theirs."""
    agree: Callable[..., Any] | None = None
    smooth: Callable[[Any, Any], Any] | None = None
    """Changes a step in place, given the point that it started from."""


def extrapolate(backend: Backend[A], state: State, context: IterationContext) -> A:
    """The point where the next step starts. Overwrites the previous estimate."""
    newest: A = state.estimate
    if context.momentum is None:
        return newest
    return backend.predict(newest, state.previous, context.momentum, share=MINIMUM_SHARE, out=state.previous)


def blur(
    backend: Backend[A], point: A, data: Data, model: Model, context: IterationContext, *, out: A | None = None
) -> tuple[A, ...]:
    """First half-step: m * (g / (H f + b) - 1) inside the mask, 0 outside it; into `out`, which may be the point.

    Split data give one ratio for each half.
    """

    def ratio(image: A, out: A) -> A:
        less_one = backend.ratio(
            image, blurred, background=model.background, floor=model.floor, inside=data.inside, out=out
        )
        return less_one if data.weights is None else backend.multiply(less_one, data.weights, out=less_one)

    blurred = backend.convolve(point, model.otf, out=out)
    if context.watch is not None:
        context.watch(blurred)
    if context.split is None:
        return (ratio(data.image, blurred),)
    first, second = context.split(data.image)
    return ratio(first, first), ratio(second, blurred)


def weight_of_data(backend: Backend[A], weights: A, inside: A, model: Model, *, out: A | None = None) -> A:
    """The weight w = 1 / (H^T m) of every voxel of a block, into `out`, which may be the data weights m.

    `inside` is 1 in the estimate's domain and 0 elsewhere. A voxel of which less than
    `MINIMUM_REACH` reaches the data is changed less than it would be otherwise, so that a weight is never large.
    """
    reach = backend.correlate(weights, model.otf, out=out)
    return backend.divide(inside, reach, floor=MINIMUM_REACH, out=reach)


def advance(
    backend: Backend[A],
    state: State,
    point: A,
    ratios: tuple[A, ...],
    weight: Any,
    model: Model,
    context: IterationContext,
) -> tuple[State, A | None]:
    """Second half-step: the point times 1 + w H^T ratio. Returns the next state, and an array that is free for reuse.

    The estimate takes the memory of the point, or of the first ratio if the point is needed afterwards.
    """
    corrections = [backend.correlate(ratio, model.otf, out=ratio) for ratio in ratios]
    correction = corrections[0] if context.agree is None else context.agree(*corrections, out=corrections[0])
    comparison, smooth = context.comparison, context.smooth
    if smooth is None and (comparison is None or comparison.copies):
        planes = None if comparison is None else comparison.planes_of_point(point)
        estimate, free = backend.update(point, correction, weight, out=point), correction
    else:
        estimate, free = backend.update(point, correction, weight, out=correction), point
        if smooth is not None:
            estimate = smooth(estimate, point)
        planes = None if comparison is None else comparison.planes_of_point(point)
    if comparison is None:
        return State(estimate, state.estimate), free
    comparison.add(estimate, planes, state.estimate, state.point)
    # planes that are no copy are the point itself, which then is not free; the one before it is
    return State(estimate, state.estimate, planes), state.point if planes is point else free


def iterate(
    backend: Backend[A], state: State, data: Data, weight: Any, model: Model, contexts: Iterable[IterationContext]
) -> Iterator[State]:
    """Yield the state after each iteration, one for each context. The next one overwrites the one before."""
    work: Any = None
    for context in contexts:
        point = extrapolate(backend, state, context)
        ratios = blur(backend, point, data, model, context, out=work)
        state, work = advance(backend, state, point, ratios, weight, model, context)
        del ratios
        yield state
