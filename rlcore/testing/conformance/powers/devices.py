"""`SupportsDevices` and `SupportsBufferLimit`: which devices there are, and what they take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, SupportsBufferLimit, SupportsDevices, real_dtype
from rlcore.testing.conformance.powers.claims import needs

MOST_TRIED = 256 << 20
"""Bytes of the largest array that is made to try a limit."""


class Devices:
    """The list of devices, and the largest array."""

    def test_devices_are_numbered_and_can_be_chosen(self, factory: Any) -> None:
        """`devices` lists a device that its index, or its name, does not select."""
        if not isinstance(factory, SupportsDevices):
            pytest.skip("SupportsDevices is optional and not claimed")
        make: Any = factory
        listed = factory.devices()
        assert [device.index for device in listed] == list(range(len(listed)))
        for device in listed:
            assert device.name
            for chosen in (make(device.index), make(str(device.index)), make(device.name)):
                assert device.name in chosen.device or chosen.device in device.name

    def test_an_array_as_large_as_the_limit_can_be_made(self, backend: Backend[Any]) -> None:
        """`buffer_limit` promises more than the device allocates at once; it is in bytes, of a single array."""
        limit = needs(backend, SupportsBufferLimit).buffer_limit()
        assert limit == int(limit)
        assert limit > 0
        size = min(limit, MOST_TRIED, backend.free_bytes() // 4)
        rows = max(1, size // real_dtype(backend).itemsize // 1024)
        array = backend.upload(np.ones((1, rows, 1024), real_dtype(backend)))
        assert math.isclose(float(backend.download(array)[0, -1, -1]), 1.0)
