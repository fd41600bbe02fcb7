"""The questions of the planner, and the devices to choose from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rlcore.api.make_plan import make_plan
from rlcore.backend import Backend, Shape
from rlcore.errors import BackendUnavailable
from rlcore.testing.conformance.cases import THROUGH_FFT, close, over_shapes, volume

NOWHERE = "no such device"
MAXIMUM_TRIED = 256 << 20
"""Bytes of the largest array that is made to test a limit."""


class Planning:
    """Names, precision, free bytes, footprints, shapes and costs."""

    def test_it_names_itself_and_its_device(self, engine: Backend[Any]) -> None:
        """`name` or `device` is empty or not a string, so reports cannot say what ran; set both in the constructor."""
        assert isinstance(engine.name, str)
        assert engine.name
        assert isinstance(engine.device, str)
        assert engine.device

    def test_arrays_are_of_single_precision_at_least(self, engine: Backend[Any]) -> None:
        """`facts.dtype` is neither float32 nor float64; the algorithm's results need at least single precision."""
        assert engine.facts.dtype in (np.float32, np.float64)

    def test_free_bytes_are_a_positive_whole_number(self, engine: Backend[Any]) -> None:
        """`free_bytes` is not a positive whole number of bytes; unused memory in a library's pool counts as free."""
        free = engine.free_bytes()
        assert free == int(free)
        assert free > 0

    @over_shapes
    def test_footprint_holds_an_array_and_its_spectrum(self, engine: Backend[Any], shape: Shape) -> None:
        """`footprint` is smaller than the voxels alone; check its unit (bytes) and the padding of the last axis."""
        footprint = engine.footprint(shape)
        least = math.prod(shape) * engine.facts.dtype.itemsize
        assert footprint.real >= least
        assert footprint.spectrum >= least
        assert footprint.scratch >= 0

    @over_shapes
    def test_fast_shape_is_no_smaller(self, engine: Backend[Any], shape: Shape) -> None:
        """`fast_shape` is smaller than the given shape on some axis, so blocks would be truncated; round up, not down.

        It has to keep the number of axes, and to return a fast shape unchanged.
        """
        fast = engine.fast_shape(shape)
        assert len(fast) == len(shape)
        assert all(f == int(f) and f >= n for f, n in zip(fast, shape, strict=True))
        assert tuple(engine.fast_shape(fast)) == tuple(fast)

    @over_shapes
    def test_fast_shapes_can_be_transformed(self, engine: Backend[Any], shape: Shape) -> None:
        """A transform there and back changes voxels of an array of a fast shape; check `fft` and `ifft` there."""
        fast = tuple(engine.fast_shape(shape))
        array = volume(fast)
        back = engine.download(engine.ifft(engine.fft(engine.upload(array)), fast))
        close(back, array, relative=0, of_maximum=THROUGH_FFT)

    @over_shapes
    def test_cost_is_positive_and_finite(self, engine: Backend[Any], shape: Shape) -> None:
        """`cost` is 0, negative or infinite for some shape; the planner divides by it and compares it."""
        cost = engine.cost(shape)
        assert cost > 0
        assert math.isfinite(cost)

    def test_a_plan_can_be_made(self, engine: Backend[Any]) -> None:
        """The planner finds no tiling for this backend, or one that does not fit; check `footprint`, `cost` and
        `fast_shape`."""
        free = make_plan((64, 256, 256), (9, 9, 9), iterations=15, backend=engine, memory="64 GiB")
        tight = make_plan((64, 256, 256), (9, 9, 9), iterations=15, backend=engine, memory=free.memory_bytes // 2)
        assert tight.memory_bytes <= free.memory_bytes // 2
        assert len(tight.tiling()) > 1


class Devices:
    """Devices to choose from, and the largest array that one takes."""

    def test_an_unknown_device_is_refused_by_name(self, engine: Backend[Any], factory: Any) -> None:
        """A device that does not exist is accepted, or refused by another error than `BackendUnavailable`, or by one
        that does not name the backend.

        The choice "auto" goes on to the next backend only after a `BackendUnavailable`.
        """
        with pytest.raises(BackendUnavailable) as refused:
            factory(NOWHERE)
        assert engine.name in str(refused.value)
        assert "\n" not in str(refused.value).strip(), "the message is not one sentence"

    def test_devices_are_numbered_and_can_be_chosen(self, factory: Any) -> None:
        """`devices` lists a device that neither its index nor its name selects, or indices that do not count from 0."""
        listed: Any = getattr(factory, "devices", tuple)()
        if not listed:
            pytest.skip("devices is not overridden")
        assert [device.index for device in listed] == list(range(len(listed)))
        for device in listed:
            assert device.name
            for chosen in (factory(device.index), factory(str(device.index)), factory(device.name)):
                assert device.name in chosen.device or chosen.device in device.name

    def test_an_array_as_large_as_the_limit_can_be_made(self, engine: Backend[Any]) -> None:
        """`facts.buffer_limit` is larger than the device's largest allocation; it is the bytes of a single array."""
        if (limit := engine.facts.buffer_limit) is None:
            pytest.skip("facts.buffer_limit is None")
        assert limit == int(limit)
        assert limit > 0
        size = min(limit, MAXIMUM_TRIED, engine.free_bytes() // 4)
        rows = max(1, size // engine.facts.dtype.itemsize // 1024)
        array = engine.upload(np.ones((1, rows, 1024), engine.facts.dtype))
        assert math.isclose(float(engine.download(array)[0, -1, -1]), 1.0)
