"""`SupportsHostVolumes`: blocks of NumPy arrays without a copy in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, SupportsHostVolumes, real_dtype
from rlcore.testing.conformance.cases import garbage, volume
from rlcore.testing.conformance.powers.claims import needs
from rlcore.testing.conformance.powers.placement import box, boxes, pastes, window


class HostVolumes:
    """`read` and `write` against NumPy."""

    @pytest.fixture
    def host(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsHostVolumes)

    def test_read(self, backend: Backend[Any], host: Any) -> None:
        """`read` is not ``volume[start:start+shape]`` with zeros outside, or repeated with `wrap`."""
        for array, start, shape in boxes():
            for wrap in (False, True):
                block = backend.download(host.read(array, start, shape, wrap=wrap))
                np.testing.assert_array_equal(block, window(array, start, shape, wrap=wrap), f"{start}, {shape}")

    def test_read_takes_every_dtype_and_copies(self, backend: Backend[Any], host: Any) -> None:
        """`read` fails on images of some type or memory layout, or gives a block by which the image changes."""
        for dtype in ("uint8", ">u2", "int32", "float16", "float32", "float64", ">f4"):
            array = volume((6, 10, 7), low=0, high=100).astype(dtype)[:, ::2]
            kept = array.copy()
            for start, shape in (((0, 0, 0), array.shape), ((1, -1, 2), (3, 8, 4))):
                block = host.read(array, start, shape)
                backend.add(block, 1.0, out=block)
                truth = window(kept, start, shape).astype(real_dtype(backend)) + 1
                np.testing.assert_array_equal(backend.download(block), truth, f"read of {dtype}")
            np.testing.assert_array_equal(array, kept)

    def test_read_fills_out(self, backend: Backend[Any], host: Any) -> None:
        """`read` left something of `out` as it was, outside the image say, or returned another array."""
        for array, start, shape in boxes():
            for wrap in (False, True):
                out = garbage(backend, shape)
                assert host.read(array, start, shape, wrap=wrap, out=out) is out
                truth = window(array, start, shape, wrap=wrap)
                np.testing.assert_array_equal(backend.download(out), truth, f"{start}, {shape}")

    def test_write(self, backend: Backend[Any], host: Any) -> None:
        """`write` is not ``volume[target:target+shape] = block[source:source+shape]``, or changes voxels around it, or
        cannot write some type of number."""
        for source, target, part, array, block in pastes():
            for dtype in ("float32", "float64", ">f4"):
                into, truth = array.astype(dtype), array.astype(dtype)
                host.write(backend.upload(block), source, into, target, part)
                truth[box(target, part)] = block[box(source, part)]
                np.testing.assert_array_equal(into, truth)
