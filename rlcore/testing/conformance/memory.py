"""The promise that plans are made on: what is measured stays below the footprint, and nothing is left behind."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.boundary import WeightTable
from rlcore.algorithm.richardson_lucy import Data, Optics, State, IterationContext, live_arrays, iterate
from rlcore.algorithm.steps import steps_for
from rlcore.backend import Backend, Shape, on_host
from rlcore.backend.boxes import Box
from rlcore.testing.conformance.cases import kernel, volume
from rlcore.testing.conformance.peak import Work, peak_of, resident

SHAPES: tuple[Shape, ...] = ((24, 160, 161), (768, 800))
SPARE = 3 << 19
"""Bytes of noise in a measurement."""
SMALL: Shape = (16, 32, 64)
CALLS = 100
TRIES = 3
"""Measurements before one is believed that is too much: whatever else the process does can only add to it."""
LEFT = 20
"""Arrays, of the size used in the calls, that may seem to be left: noise."""


class Memory:
    """Peaks and leaks, measured."""

    def measure_peak(self, backend: Backend[Any], work: Work) -> int | None:
        """Most bytes on the device that `work` had at once, beyond what was there before; None: it cannot be told.

        By default the process's own peak for backends on the host (Linux), and the least of `free_bytes` seen
        meanwhile for others. Override it where the library has a counter of its own, such as a pool's peak.
        """
        return peak_of(backend, work)

    def test_the_measured_peak_stays_below_the_footprint(self, backend: Backend[Any]) -> None:
        """An iteration took more memory than `footprint` says, so a plan that fits will fail; count work areas of the
        transform and temporaries in `scratch`, padding in `real` and `spectrum`."""
        for shape in SHAPES:
            iterations = _Iterations(backend, shape)
            iterations()  # plans, tables and pools, which every later run finds there
            footprint = backend.footprint(shape)
            promised = live_arrays(backend).bytes(footprint)
            peak = promised + SPARE + 1
            for _ in range(TRIES):
                if peak <= promised + SPARE:
                    break
                measured = self.measure_peak(backend, iterations)
                if measured is None:
                    pytest.skip(f"memory of backend {backend.name!r} cannot be measured here; override measure_peak")
                peak = measured
            short = f"scratch is short by {peak - promised}, {(peak - promised) / footprint.real:.2f} times real"
            assert peak <= promised + SPARE, f"{shape}: {peak} bytes at once, {promised} promised; {short}"

    def test_a_hundred_calls_leave_memory_as_it_was(self, backend: Backend[Any]) -> None:
        """After a hundred calls less memory is free than before: arrays, plans or streams are kept; bound what is
        cached, and let nothing cached hold on to the arrays it was used for."""
        work = _Iterations(backend, SMALL, iterations=1)
        size = backend.footprint(SMALL).real
        for _ in range(5):
            work()
        for _ in range(TRIES):
            held, free = resident(), None if on_host(backend) else backend.free_bytes()
            for _ in range(CALLS):
                work()
            gc.collect()
            after = resident()
            lost = [0 if free is None else free - backend.free_bytes()]
            if held is None or after is None:
                if free is None:
                    pytest.skip("how much memory this process holds can be told on Linux only")
            else:
                lost.append(after - held)
            if max(lost) <= LEFT * size:
                break
        assert max(lost) <= LEFT * size, f"{max(lost)} bytes more in use after {CALLS} calls"


class _Iterations:
    """A few iterations with everything that they hold, as a call; the arrays are gone afterwards."""

    def __init__(self, backend: Backend[Any], shape: Shape, iterations: int = 2) -> None:
        self._backend, self._shape, self._iterations = backend, shape, iterations
        self._volumes = [volume(shape, seed, low=1, high=9) for seed in range(2)]
        index = tuple(np.minimum(np.arange(n), 2) for n in shape)
        self._weight = WeightTable(volume((3,) * len(shape), low=1, high=2).astype(np.float64), index)
        self._kernel = kernel(shape)

    def __call__(self) -> None:
        backend, shape = self._backend, self._shape
        steps = steps_for(backend, shape)
        optics = Optics(steps.transfer(backend.upload(self._kernel)), 0.5, 1e-6)
        estimate, image = map(backend.upload, self._volumes)
        data = Data(image, steps.inside(Box((1,) * len(shape), tuple(n - 1 for n in shape))))
        state = State(estimate, estimate)
        for _ in iterate(steps, state, data, steps.weight(self._weight), optics, [IterationContext()] * self._iterations):
            pass
