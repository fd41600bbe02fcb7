"""Several threads and one backend, transfers that overlap with computing, and arrays of other libraries."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.richardson_lucy import Data, IterationContext, Model, State, iterate
from rlcore.backend import Backend, Interchange, Shape, Streams, Volume
from rlcore.testing.conformance.cases import kernel, volume

THREADS, ROUNDS = 4, 10
STREAMS = 3
SHAPE: Shape = (16, 24, 26)


class Threads:
    """One backend in several threads, as when reading, computing and writing overlap."""

    def test_threads_do_not_disturb_each_other(self, engine: Backend[Any]) -> None:
        """Results differ when several threads use one backend, so they share a work area; give each thread its own."""
        shape = (24, 30, 32)
        alone = [_iterate(engine, shape, seed) for seed in range(THREADS)]
        barrier, interval = Barrier(THREADS), sys.getswitchinterval()

        def together(seed: int) -> list[Volume]:
            barrier.wait(timeout=60)
            return [_iterate(engine, shape, seed) for _ in range(ROUNDS)]

        sys.setswitchinterval(1e-5)
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                results = list(pool.map(together, range(THREADS)))
        finally:
            sys.setswitchinterval(interval)
        for truth, repeated in zip(alone, results, strict=True):
            for result in repeated:
                np.testing.assert_allclose(result, truth, rtol=0, atol=1e-5 * float(truth.max()))


class Streaming:
    """`pinned` and `stream`."""

    @pytest.fixture
    def streams(self, engine: Backend[Any]) -> Any:
        """The backend, if it offers the option `Streams`; the test is skipped otherwise."""
        if not isinstance(engine, Streams):
            pytest.skip("Streams is optional and not offered")
        return engine

    def test_pinned_memory_can_be_transferred(self, engine: Backend[Any], streams: Any) -> None:
        """`pinned` does not return a NumPy array of the shape and type, or transfers from and to it go wrong."""
        for dtype in ("float32", "uint16"):
            pinned = streams.pinned(SHAPE, np.dtype(dtype))
            assert isinstance(pinned, np.ndarray)
            assert pinned.shape == SHAPE
            assert pinned.dtype == dtype
            pinned[...] = volume(SHAPE, low=0, high=100)
            back = engine.download(engine.upload(pinned), out=streams.pinned(SHAPE, np.dtype(np.float32)))
            np.testing.assert_array_equal(back, pinned)

    def test_two_pinned_arrays_share_no_memory(self, streams: Any) -> None:
        """Two arrays of `pinned` share memory while both are in use, so blocks would overwrite each other."""
        first, second = (streams.pinned(SHAPE, np.dtype(np.float32)) for _ in range(2))
        assert not np.shares_memory(first, second)

    def test_a_stream_has_finished_when_it_is_left(self, engine: Backend[Any], streams: Any) -> None:
        """Results of one thread's stream are incomplete for another thread afterwards; wait on leaving `stream`."""
        arrays = [volume(SHAPE, seed) for seed in range(STREAMS)]
        barrier = Barrier(STREAMS)

        def compute(array: Volume) -> Any:
            barrier.wait(timeout=60)
            with streams.stream():
                device = engine.upload(array)
                spectrum = engine.fft(device)
                return engine.add(engine.ifft(spectrum, SHAPE), 1.0)

        with ThreadPoolExecutor(STREAMS) as pool:
            results = list(pool.map(compute, arrays))
        for array, result in zip(arrays, results, strict=True):
            np.testing.assert_allclose(engine.download(result), array + 1, atol=1e-5)


class ForeignArrays:
    """`takes` and `result`."""

    @pytest.fixture
    def interchange(self, engine: Backend[Any]) -> Any:
        """The backend, if it offers the option `Interchange`; the test is skipped otherwise."""
        if not isinstance(engine, Interchange):
            pytest.skip("Interchange is optional and not offered")
        return engine

    def test_a_result_is_the_array_that_callers_get(self, engine: Backend[Any], interchange: Any) -> None:
        """`result` does not return zeros, its two arrays do not share memory, or `takes` refuses the caller's array.

        A result is written through the first array and handed to the caller as the second.
        """
        array, callers = interchange.result(SHAPE)
        np.testing.assert_array_equal(engine.download(array), np.zeros(SHAPE))
        engine.add(array, 2.0, out=array)
        assert interchange.takes(callers)
        np.testing.assert_array_equal(engine.download(engine.upload(callers)), np.full(SHAPE, 2.0))

    def test_other_objects_are_not_taken(self, interchange: Any) -> None:
        """`takes` accepts an array of host memory or an object that is no array, which `upload` would then misread."""
        assert not interchange.takes(np.zeros(SHAPE, np.uint16))
        assert not interchange.takes("no array")


def _iterate(engine: Backend[Any], shape: Shape, seed: int) -> Volume:
    """Two iterations on arrays of their own."""
    model = Model(engine.otf(engine.upload(kernel(shape, seed)), shape), 0.5, 1e-6)
    estimate = engine.upload(np.full(shape, 1 + seed))
    data = Data(engine.upload(volume(shape, seed, low=1, high=9)), None)
    *_, last = iterate(engine, State(estimate, estimate), data, None, model, [IterationContext()] * 2)
    return engine.download(last.estimate)
