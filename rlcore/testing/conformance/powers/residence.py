"""`SupportsResidence`: volumes that stay on the device while blocks are cut from them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Shape, SupportsResidence, Volume
from rlcore.testing.conformance.cases import garbage, over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs

SHAPES: tuple[Shape, ...] = ((7, 8), (5, 6, 7), (1, 4, 5))


class Placement:
    """`full`, `cut` and `paste` against NumPy."""

    @pytest.fixture
    def device(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsResidence)

    @over_shapes
    def test_full(self, backend: Backend[Any], device: Any, shape: Shape) -> None:
        """`full` is not an array of the shape filled with the value, or two of them share their memory."""
        filled, other = device.full(shape, 2.5), device.full(shape, 2.5)
        backend.add(filled, 1.0, out=filled)
        np.testing.assert_array_equal(backend.download(filled), np.full(shape, 3.5))
        np.testing.assert_array_equal(backend.download(other), np.full(shape, 2.5))

    def test_cut(self, backend: Backend[Any], device: Any) -> None:
        """`cut` is not ``volume[start:start+shape]`` with zeros outside; look at negative starts and far ends."""
        for array, start, shape in boxes():
            block = device.cut(backend.upload(array), start, shape)
            np.testing.assert_array_equal(backend.download(block), window(array, start, shape), f"{start}, {shape}")

    def test_cut_wraps(self, backend: Backend[Any], device: Any) -> None:
        """`cut` with `wrap` is not the volume repeated; a block may be longer than the volume, and start far away."""
        for array, start, shape in boxes():
            block = device.cut(backend.upload(array), start, shape, wrap=True)
            truth = window(array, start, shape, wrap=True)
            np.testing.assert_array_equal(backend.download(block), truth, f"{start}, {shape}")

    def test_cut_fills_out_and_leaves_the_volume(self, backend: Backend[Any], device: Any) -> None:
        """`cut` ignores `out`, leaves in it what was there before, or gives a view by which the volume changes."""
        for (array, start, shape), wrap in itertools.product(boxes(), (False, True)):
            source, out = backend.upload(array), garbage(backend, shape)
            assert device.cut(source, start, shape, wrap=wrap, out=out) is out
            np.testing.assert_array_equal(backend.download(out), window(array, start, shape, wrap=wrap))
            block = device.cut(source, start, shape, wrap=wrap)
            backend.add(block, 1.0, out=block)
            np.testing.assert_array_equal(backend.download(source), array)

    def test_paste(self, backend: Backend[Any], device: Any) -> None:
        """`paste` is not ``volume[target:target+shape] = block[source:source+shape]``, or changes voxels around it."""
        for source, target, part, array, block in pastes():
            into = backend.upload(array)
            device.paste(backend.upload(block), source, into, target, part)
            array[box(target, part)] = block[box(source, part)]
            np.testing.assert_array_equal(backend.download(into), array)


def window(array: Volume, start: Shape, shape: Shape, *, wrap: bool = False) -> Volume:
    """``array[start:start+shape]``, 0 outside, or repeated."""
    index = [np.arange(at, at + size) for at, size in zip(start, shape, strict=True)]
    values: Volume = array[np.ix_(*[i % n for i, n in zip(index, array.shape, strict=True)])]
    if not wrap:
        for axis, (i, n) in enumerate(zip(index, array.shape, strict=True)):
            np.moveaxis(values, axis, 0)[(i < 0) | (i >= n)] = 0
    return values


def box(start: Shape, shape: Shape) -> tuple[slice, ...]:
    return tuple(slice(at, at + size) for at, size in zip(start, shape, strict=True))


def boxes() -> Iterator[tuple[Volume, Shape, Shape]]:
    """Inside, the whole, over every edge, around it all, several periods long, and far outside."""
    for full in SHAPES:
        array = volume(full)
        yield array, tuple(n // 3 for n in full), tuple(max(1, n // 2) for n in full)
        yield array, (0,) * len(full), full
        for over in itertools.product((-1, 1), repeat=len(full)):
            yield array, tuple(-2 if side < 0 else n // 2 for side, n in zip(over, full, strict=True)), full
        yield array, tuple(-n - 1 for n in full), tuple(3 * n + 2 for n in full)
        yield array, tuple(n + 1 for n in full), tuple(n + 1 for n in full)
        yield array, tuple(-3 * n for n in full), tuple(n + 1 for n in full)


def pastes() -> Iterator[tuple[Shape, Shape, Shape, Volume, Volume]]:
    """Source, target, shape, volume and block: parts in the middle, at the far ends, and a whole block."""
    for full in SHAPES:
        array, block = volume(full, 1), volume(full, 2)
        part = tuple(max(1, n - 3) for n in full)
        ends = tuple(n - p for n, p in zip(full, part, strict=True))
        middle = tuple(end // 2 for end in ends)
        zero = (0,) * len(full)
        for source, target, shape in (
            (middle, ends, part),
            (ends, middle, part),
            (zero, ends, part),
            (zero, zero, full),
        ):
            yield source, target, shape, array.copy(), block
