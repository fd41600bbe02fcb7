"""Memory that plans count on: measured peaks stay below the footprint, and nothing is left behind."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.richardson_lucy import Data, IterationContext, Model, State, iterate
from rlcore.backend import Backend, Box, IterationOptions, Shape
from rlcore.backend.adapter import adapt
from rlcore.testing.conformance.cases import kernel, volume
from rlcore.testing.conformance.peak import Work, peak_of, resident

SHAPES: tuple[Shape, ...] = ((24, 160, 161), (768, 800))
SPARE = 3 << 19
"""Bytes of noise in a measurement."""
SMALL: Shape = (16, 32, 64)
CALLS = 100
TRIES = 3
"""Measurements before an excess is believed, since other work of the process can only add to it."""
LEFT = 20
"""Arrays of the size used in the calls that may seem to remain: noise."""


class Memory:
    """Measured peaks and leaks."""

    def measure_peak(self, backend: Any, work: Work) -> int | None:
        """Most bytes on the device that `work` holds at once, beyond those held before; None if it cannot be measured.

        By default it is the peak of the process for backends on the host (Linux), and the minimum of `free_bytes` seen
        meanwhile for others. Override it if the library has a counter of its own, such as the peak of a pool.
        """
        return peak_of(adapt(backend), work)

    @pytest.mark.parametrize("momentum", [False, True])
    def test_the_measured_peak_stays_below_the_footprint(
        self, backend: Any, engine: Backend[Any], momentum: bool
    ) -> None:
        """An iteration takes more memory than `footprint` and `live_arrays` say, so runs would fail whose plans fit.

        Count work areas of transforms and temporary arrays in `scratch`, and padding in `real` and `spectrum`.
        """
        for shape in SHAPES[:1] if momentum else SHAPES:
            iterations = _Iterations(engine, shape, momentum=momentum)
            iterations()  # makes plans, tables and pools, which later runs find there
            footprint = engine.footprint(shape)
            promised = engine.live_arrays(IterationOptions(momentum=momentum)).bytes(footprint)
            peak = promised + SPARE + 1
            for _ in range(TRIES):
                if peak <= promised + SPARE:
                    break
                measured = self.measure_peak(backend, iterations)
                if measured is None:
                    pytest.skip(f"memory of backend {engine.name!r} cannot be measured here; override measure_peak")
                peak = measured
            short = f"scratch is short by {peak - promised}, {(peak - promised) / footprint.real:.2f} times real"
            assert peak <= promised + SPARE, f"{shape}: {peak} bytes at once, {promised} promised; {short}"

    def test_a_hundred_calls_leave_memory_as_it_was(self, engine: Backend[Any]) -> None:
        """After a hundred calls less memory is free than before, so arrays, plans or streams accumulate.

        Bound every cache, and let nothing cached refer to the arrays that it was used for.
        """
        work = _Iterations(engine, SMALL, iterations=1)
        size = engine.footprint(SMALL).real
        for _ in range(5):
            work()
        for _ in range(TRIES):
            held, free = resident(), None if engine.facts.on_host else engine.free_bytes()
            for _ in range(CALLS):
                work()
            gc.collect()
            after = resident()
            lost = [0 if free is None else free - engine.free_bytes()]
            if held is None or after is None:
                if free is None:
                    pytest.skip("the memory of this process can be measured on Linux only")
            else:
                lost.append(after - held)
            if max(lost) <= LEFT * size:
                break
        assert max(lost) <= LEFT * size, f"{max(lost)} bytes more in use after {CALLS} calls"


class _Iterations:
    """A call that runs a few iterations and makes all arrays that they need; afterwards the arrays are gone."""

    def __init__(self, engine: Backend[Any], shape: Shape, iterations: int = 2, *, momentum: bool = False) -> None:
        self._engine, self._shape = engine, shape
        self._volumes = [volume(shape, seed, low=1, high=9) for seed in range(2)]
        self._index = tuple(np.minimum(np.arange(n), 2) for n in shape)
        self._table = volume((3,) * len(shape), low=1, high=2).astype(np.float64)
        self._kernel = kernel(shape)
        self._contexts = [IterationContext(0.5 if momentum else None)] * iterations

    def __call__(self) -> None:
        engine, shape = self._engine, self._shape
        model = Model(engine.otf(engine.upload(self._kernel), shape), 0.5, 1e-6)
        estimate, image = map(engine.upload, self._volumes)
        mask = engine.mask(Box((1,) * len(shape), tuple(n - 1 for n in shape)), shape)
        weight = engine.expand(self._table, self._index)
        moving = self._contexts[0].momentum is not None
        state = State(estimate, engine.upload(self._volumes[0]) if moving else estimate)
        for _ in iterate(engine, state, Data(image, mask), weight, model, self._contexts):
            pass
