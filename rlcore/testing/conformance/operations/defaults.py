"""Overrides against the defaults that they replace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rlcore import backend as contract
from rlcore.backend import Backend, Box, Shape, Volume, overrides
from rlcore.testing.conformance.cases import PARITIES, THROUGH_FFT, garbage, kernel, volume

Results = Iterator[Volume | tuple[float, ...]]


def only_required(engine: Backend[Any]) -> Backend[Any]:
    """A backend with the required operations of another one, on the same arrays; all others are the defaults."""
    made: Backend[Any] = _OnlyRequired(engine)
    return made


def needs_override(engine: Backend[Any], *operations: str) -> None:
    """Skip the test if the backend has the defaults of all these operations."""
    if not any(overrides(engine, name) for name in operations):
        pytest.skip(f"{' and '.join(operations)} {'is' if len(operations) == 1 else 'are'} not overridden")


def convolve(engine: Backend[Any], shape: Shape) -> Results:
    otf = engine.otf(engine.upload(kernel(shape)), shape)
    yield engine.download(engine.convolve(engine.upload(volume(shape)), otf))


def correlate(engine: Backend[Any], shape: Shape) -> Results:
    otf = engine.otf(engine.upload(kernel(shape)), shape)
    yield engine.download(engine.correlate(engine.upload(volume(shape)), otf))


def ratio(engine: Backend[Any], shape: Shape) -> Results:
    image, blurred = volume(shape, 1, low=0, high=9), volume(shape, 2, low=-1, high=9)
    for inside in (None, _middle(shape)):
        mask = engine.mask(inside, shape)
        for background in (0.0, 0.5):
            given = map(engine.upload, (image, blurred))
            yield engine.download(engine.ratio(*given, background=background, floor=0.25, inside=mask))


def update(engine: Backend[Any], shape: Shape) -> Results:
    for weight in (None, volume(shape, 3, low=0, high=4)):
        estimate, correction = engine.upload(volume(shape, 1, low=0)), engine.upload(volume(shape, 2, low=-2, high=2))
        given = None if weight is None else engine.upload(weight)
        yield engine.download(engine.update(estimate, correction, given))


def predict(engine: Backend[Any], shape: Shape) -> Results:
    for momentum in (0.0, 0.75, 0.999):
        estimate, previous = (engine.upload(volume(shape, seed, low=0, high=9)) for seed in range(2))
        yield engine.download(engine.predict(estimate, previous, momentum, share=0.5))


def expand(engine: Backend[Any], shape: Shape) -> Results:
    index = tuple(np.minimum(np.arange(n), 2) for n in shape)
    yield engine.download(engine.expand(volume((3,) * len(shape)).astype(np.float64), index))


def full(engine: Backend[Any], shape: Shape) -> Results:
    yield engine.download(engine.full(shape, 0.1))


def cut(engine: Backend[Any], shape: Shape) -> Results:
    for start, size, wrap in _cuts(shape):
        for out in (None, garbage(engine, size)):
            yield engine.download(engine.cut(engine.upload(volume(shape)), start, size, wrap=wrap, out=out))


def read(engine: Backend[Any], shape: Shape) -> Results:
    for start, size, wrap in _cuts(shape):
        for out in (None, garbage(engine, size)):
            yield engine.download(engine.read(volume(shape).astype(np.float64), start, size, wrap=wrap, out=out))


def paste(engine: Backend[Any], shape: Shape) -> Results:
    for source, target, size in _pastes(shape):
        into = engine.upload(volume(shape, 1))
        engine.paste(engine.upload(volume(shape, 2)), source, into, target, size)
        yield engine.download(into)


def write(engine: Backend[Any], shape: Shape) -> Results:
    for source, target, size in _pastes(shape):
        into = volume(shape, 1).astype(np.float64)
        engine.write(engine.upload(volume(shape, 2)), source, into, target, size)
        yield into


def summary(engine: Backend[Any], shape: Shape) -> Results:
    found = engine.summary(engine.upload(volume(shape, low=2, high=3)))
    yield found.minimum, found.maximum, found.total


def planes(engine: Backend[Any], shape: Shape) -> Results:
    for first, step, count in ((0, 1, shape[0]), (0, 2, -(-shape[0] // 2)), (shape[0] - 1, 3, 1), (0, 1, 1)):
        yield engine.download(engine.planes(engine.upload(volume(shape)), first, step, count))


def fit(engine: Backend[Any], shape: Shape) -> Results:
    given = map(engine.upload, (volume(shape, 1, low=1, high=9), volume(shape, 2, low=-1, high=0)))
    yield tuple(engine.fit(*given, background=0.5, floor=0.25, inside=_middle(shape)))


def inner_products(engine: Backend[Any], shape: Shape) -> Results:
    yield tuple(engine.inner_products(*_two_steps(engine, shape), inside=_middle(shape)))


def momentum(engine: Backend[Any], shape: Shape) -> Results:
    for maximum in (0.5, 2.0):
        yield (float(engine.momentum(*_two_steps(engine, shape), inside=_middle(shape), maximum=maximum)),)


def _two_steps(engine: Backend[Any], shape: Shape) -> list[Any]:
    # the older step is forward everywhere, so that the sums do not cancel, however few voxels there are
    low = (5, 1, 5, 1)
    return [engine.upload(volume(shape, seed, low=at, high=at + 2)) for seed, at in enumerate(low)]


def smooth(engine: Backend[Any], shape: Shape) -> Results:
    for inside in (None, _middle(shape)):
        given = map(engine.upload, (volume(shape, 1, low=0, high=9), volume(shape, 2, low=0, high=9)))
        yield engine.download(engine.smooth(*given, weight=0.05, slack=0.3, epsilon=0.1, inside=inside))


def halve(engine: Backend[Any], shape: Shape) -> Results:
    counts = engine.upload(np.floor(volume(shape, low=0, high=99)))
    for second in (False, True):
        yield engine.download(engine.halve(counts, 0x0123456789ABCDEF, (2,) * len(shape), shape, second=second))


def agree(engine: Backend[Any], shape: Shape) -> Results:
    yield engine.download(engine.agree(*map(engine.upload, (volume(shape, 1), volume(shape, 2)))))


OPERATIONS: dict[str, Callable[[Backend[Any], Shape], Results]] = {
    each.__name__: each
    for each in (
        *(convolve, correlate, ratio, update, predict, expand, full, cut, read, paste, write),
        *(summary, planes, fit, inner_products, momentum, smooth, halve, agree),
    )
}
"""Results of each operation that has a default; those of `otf` and `mask` go into `convolve` and `ratio`."""


class Defaults:
    """Overrides, and the defaults that the backend's required operations make."""

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_an_override_does_what_its_default_does(self, engine: Backend[Any], operation: str) -> None:
        """The backend's own version of an operation and the default have different results.

        If a test of that operation's formula fails too, mend the override. If none does, one of the nine required
        operations is wrong, of which the default is composed.
        """
        needs_override(engine, operation)
        default, results = only_required(engine), OPERATIONS[operation]
        for shape in PARITIES:
            for ours, theirs in zip(results(engine, shape), results(default, shape), strict=True):
                margin = THROUGH_FFT * float(np.abs(theirs).max())
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=margin, err_msg=f"{operation} of {shape}")

    def test_what_belongs_together_is_overridden_together(self, engine: Backend[Any]) -> None:
        """The backend has one part of a pair without the other, so that the one is given arguments of another form, or
        is never used.

        `convolve` and `correlate` share an OTF: override both, or `otf` too. `pinned` and `stream` are one option,
        `takes` and `result` another. Look for a missing method, or for a misspelt one.
        """
        own = {name for name in ("convolve", "correlate") if overrides(engine, name)}
        assert len(own) != 1 or overrides(engine, "otf"), f"{own.pop()} is overridden without its partner, or `otf`"
        for option in (contract.Streams, contract.Interchange):
            members = {name for name in vars(option) if not name.startswith("_")}
            missing = {name for name in members if not hasattr(engine, name)}
            assert missing in (set(), members), f"{option.__name__} lacks {', '.join(sorted(missing))}"


def _middle(shape: Shape) -> Box:
    """A box that leaves out voxels at both ends of an axis where there are enough of them."""
    return Box(tuple(n // 4 for n in shape), tuple(n - n // 4 for n in shape))


def _cuts(shape: Shape) -> Iterator[tuple[Shape, Shape, bool]]:
    """Start, shape and `wrap` of boxes: inside the volume, across its edges, around all of it, and off it."""
    for wrap in (False, True):
        yield tuple(n // 3 for n in shape), tuple(max(1, n // 2) for n in shape), wrap
        yield (-2,) * len(shape), shape, wrap
        yield tuple(-n - 1 for n in shape), tuple(3 * n + 2 for n in shape), wrap
        yield tuple(n + 1 for n in shape), shape, wrap


def _pastes(shape: Shape) -> Iterator[tuple[Shape, Shape, Shape]]:
    """Source, target and shape: everything, and a part to another place."""
    part = tuple(max(1, n - 2) for n in shape)
    zero, ends = (0,) * len(shape), tuple(n - p for n, p in zip(shape, part, strict=True))
    yield zero, zero, shape
    yield zero, ends, part
    yield ends, zero, part


def _handing_on(name: str) -> Any:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return getattr(self.engine, name)(*args, **options)

    return method


def _start(self: Any, engine: Backend[Any]) -> None:
    self.engine, self.name, self.device, self.facts = engine, engine.name, engine.device, engine.facts


# made by name, so that an operation that becomes required is handed on without a change here
_OnlyRequired: Any = type(
    "OnlyRequired",
    (Backend,),
    {"__init__": _start, **{name: _handing_on(name) for name in Backend.__abstractmethods__}},
)
