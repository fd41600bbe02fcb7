"""What a backend tells the planner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rlcore.api.make_plan import make_plan
from rlcore.backend import Backend, Shape, real_dtype
from rlcore.testing.conformance.cases import THROUGH_FFT, close, over_shapes, volume


class Planning:
    """Names, free bytes, footprints, shapes and costs."""

    def test_it_names_itself_and_its_device(self, backend: Backend[Any]) -> None:
        """`name` or `device` is empty or no text, so nobody is told what ran; set both when the backend is made."""
        assert isinstance(backend.name, str)
        assert backend.name
        assert isinstance(backend.device, str)
        assert backend.device

    def test_arrays_are_of_single_precision_at_least(self, backend: Backend[Any]) -> None:
        """`dtype` is not float32 or float64; results in half precision are not those of the algorithm."""
        assert real_dtype(backend) in (np.float32, np.float64)

    def test_free_bytes_are_a_positive_whole_number(self, backend: Backend[Any]) -> None:
        """The planner cannot fit blocks into what `free_bytes` says; it must count bytes, a library's pool as free."""
        free = backend.free_bytes()
        assert free == int(free)
        assert free > 0

    @over_shapes
    def test_footprint_holds_an_array_and_its_spectrum(self, backend: Backend[Any], shape: Shape) -> None:
        """`footprint` claims less than the voxels alone take; look at its units (bytes) and the last axis's padding."""
        footprint = backend.footprint(shape)
        least = math.prod(shape) * real_dtype(backend).itemsize
        assert footprint.real >= least
        assert footprint.spectrum >= least
        assert footprint.scratch >= 0

    @over_shapes
    def test_fast_shape_is_no_smaller(self, backend: Backend[Any], shape: Shape) -> None:
        """`fast_shape` is smaller than what was asked along some axis, so blocks would be cut off; round up, not down.

        It must keep the number of axes, and not grow when it is asked for a fast shape.
        """
        fast = backend.fast_shape(shape)
        assert len(fast) == len(shape)
        assert all(f == int(f) and f >= n for f, n in zip(fast, shape, strict=True))
        assert tuple(backend.fast_shape(fast)) == tuple(fast)

    @over_shapes
    def test_fast_shapes_can_be_transformed(self, backend: Backend[Any], shape: Shape) -> None:
        """A transform there and back, of the shape that `fast_shape` recommends, changes voxels; see `fft`, `ifft`."""
        fast = tuple(backend.fast_shape(shape))
        array = volume(fast)
        back = backend.download(backend.ifft(backend.fft(backend.upload(array)), fast))
        close(back, array, relative=0, of_maximum=THROUGH_FFT)

    @over_shapes
    def test_cost_is_positive_and_finite(self, backend: Backend[Any], shape: Shape) -> None:
        """The planner divides by `cost` and compares it; it must be above 0 and finite for every shape."""
        cost = backend.cost(shape)
        assert cost > 0
        assert math.isfinite(cost)

    def test_a_plan_can_be_made(self, backend: Backend[Any]) -> None:
        """The planner finds no way to cut a volume for this backend, or one that does not fit; see `footprint`, `cost`
        and `fast_shape`."""
        free = make_plan((64, 256, 256), (9, 9, 9), backend=backend, memory="64 GiB")
        tight = make_plan((64, 256, 256), (9, 9, 9), backend=backend, memory=free.memory_bytes // 2)
        assert tight.memory_bytes <= free.memory_bytes // 2
        assert len(tight.cut()) > 1
