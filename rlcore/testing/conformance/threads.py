"""One backend, several threads: blocks are read and written beside the computation."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np

from rlcore.algorithm.richardson_lucy import Data, Optics, State, IterationContext, iterate
from rlcore.algorithm.steps import steps_for
from rlcore.backend import Backend, Shape, Volume
from rlcore.testing.conformance.cases import kernel, volume

THREADS, ROUNDS = 4, 10


class Threads:
    """What the execution does when it overlaps reading, computing and writing."""

    def test_threads_do_not_disturb_each_other(self, backend: Backend[Any]) -> None:
        """Two threads that use one backend get other results than alone: they share a work area; give each its own."""
        shape = (24, 30, 32)
        alone = [_iterate(backend, shape, seed) for seed in range(THREADS)]
        barrier, interval = Barrier(THREADS), sys.getswitchinterval()

        def together(seed: int) -> list[Volume]:
            barrier.wait(timeout=60)
            return [_iterate(backend, shape, seed) for _ in range(ROUNDS)]

        sys.setswitchinterval(1e-5)
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                results = list(pool.map(together, range(THREADS)))
        finally:
            sys.setswitchinterval(interval)
        for truth, repeated in zip(alone, results, strict=True):
            for result in repeated:
                np.testing.assert_allclose(result, truth, rtol=0, atol=1e-5 * float(truth.max()))


def _iterate(backend: Backend[Any], shape: Shape, seed: int) -> Volume:
    """Two iterations on a volume of its own."""
    steps = steps_for(backend, shape)
    optics = Optics(steps.transfer(backend.upload(kernel(shape, seed))), 0.5, 1e-6)
    estimate = backend.upload(np.full(shape, 1 + seed))
    image = backend.upload(volume(shape, seed, low=1, high=9))
    state = State(estimate, estimate)
    *_, last = iterate(steps, state, Data(image, steps.inside(None)), None, optics, (IterationContext(), IterationContext()))
    return backend.download(last.estimate)
