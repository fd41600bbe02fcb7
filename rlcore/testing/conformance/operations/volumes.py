"""Volumes of any shape, on the device or in host memory, and boxes of them, against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from rlcore.backend import Backend, Shape, Volume
from rlcore.testing.conformance.cases import garbage, over_shapes, volume

SHAPES: tuple[Shape, ...] = ((7, 8), (5, 6, 7), (1, 4, 5))


class Volumes:
    """`full`, `cut` and `paste` for volumes on the device, `read` and `write` for NumPy arrays."""

    @over_shapes
    def test_full(self, engine: Backend[Any], shape: Shape) -> None:
        """`full` does not return an array of the shape filled with the value, or two such arrays share memory."""
        filled, other = engine.full(shape, 2.5), engine.full(shape, 2.5)
        engine.add(filled, 1.0, out=filled)
        np.testing.assert_array_equal(engine.download(filled), np.full(shape, 3.5))
        np.testing.assert_array_equal(engine.download(other), np.full(shape, 2.5))

    def test_cut(self, engine: Backend[Any]) -> None:
        """`cut` is not ``volume[start:start+shape]`` with zeros outside; check negative starts and far ends."""
        for array, start, shape in boxes():
            block = engine.cut(engine.upload(array), start, shape)
            np.testing.assert_array_equal(engine.download(block), window(array, start, shape), f"{start}, {shape}")

    def test_cut_wraps(self, engine: Backend[Any]) -> None:
        """`cut` with `wrap` is not the volume repeated; a block may be longer than the volume, or start far away."""
        for array, start, shape in boxes():
            block = engine.cut(engine.upload(array), start, shape, wrap=True)
            truth = window(array, start, shape, wrap=True)
            np.testing.assert_array_equal(engine.download(block), truth, f"{start}, {shape}")

    def test_cut_fills_out_and_leaves_the_volume(self, engine: Backend[Any]) -> None:
        """`cut` ignores `out`, leaves old values in it, or returns a view, so that writing to it changes the volume."""
        for (array, start, shape), wrap in itertools.product(boxes(), (False, True)):
            source, out = engine.upload(array), garbage(engine, shape)
            assert engine.cut(source, start, shape, wrap=wrap, out=out) is out
            np.testing.assert_array_equal(engine.download(out), window(array, start, shape, wrap=wrap))
            block = engine.cut(source, start, shape, wrap=wrap)
            engine.add(block, 1.0, out=block)
            np.testing.assert_array_equal(engine.download(source), array)

    def test_paste(self, engine: Backend[Any]) -> None:
        """`paste` is not ``volume[target:target+shape] = block[source:source+shape]``, or changes other voxels."""
        for source, target, part, array, block in pastes():
            into = engine.upload(array)
            engine.paste(engine.upload(block), source, into, target, part)
            array[box(target, part)] = block[box(source, part)]
            np.testing.assert_array_equal(engine.download(into), array)

    def test_read(self, engine: Backend[Any]) -> None:
        """`read` is not ``volume[start:start+shape]`` with zeros outside, or the volume repeated with `wrap`."""
        for (array, start, shape), wrap in itertools.product(boxes(), (False, True)):
            block = engine.download(engine.read(array, start, shape, wrap=wrap))
            np.testing.assert_array_equal(block, window(array, start, shape, wrap=wrap), f"{start}, {shape}")

    def test_read_takes_every_dtype_and_copies(self, engine: Backend[Any]) -> None:
        """`read` fails on images of some type or memory layout, or returns a view, so that writing to the block changes
        the image."""
        for dtype in ("uint8", ">u2", "int32", "float16", "float32", "float64", ">f4"):
            array = volume((6, 10, 7), low=0, high=100).astype(dtype)[:, ::2]
            kept = array.copy()
            for start, shape in (((0, 0, 0), array.shape), ((1, -1, 2), (3, 8, 4))):
                block = engine.read(array, start, shape)
                engine.add(block, 1.0, out=block)
                truth = window(kept, start, shape).astype(engine.facts.dtype) + 1
                np.testing.assert_array_equal(engine.download(block), truth, f"read of {dtype}")
            np.testing.assert_array_equal(array, kept)

    def test_read_fills_out(self, engine: Backend[Any]) -> None:
        """`read` leaves old values in `out`, for instance outside the image, or returns another array."""
        for (array, start, shape), wrap in itertools.product(boxes(), (False, True)):
            out = garbage(engine, shape)
            assert engine.read(array, start, shape, wrap=wrap, out=out) is out
            truth = window(array, start, shape, wrap=wrap)
            np.testing.assert_array_equal(engine.download(out), truth, f"{start}, {shape}")

    def test_write(self, engine: Backend[Any]) -> None:
        """`write` is not ``volume[target:target+shape] = block[source:source+shape]``, changes other voxels, or fails
        on arrays of some type."""
        for source, target, part, array, block in pastes():
            for dtype in ("float32", "float64", ">f4"):
                into, truth = array.astype(dtype), array.astype(dtype)
                engine.write(engine.upload(block), source, into, target, part)
                truth[box(target, part)] = block[box(source, part)]
                np.testing.assert_array_equal(into, truth)


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
