"""`SupportsStreams`: transfers that overlap with computing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, SupportsStreams, Volume
from rlcore.testing.conformance.cases import volume
from rlcore.testing.conformance.powers.claims import needs

LANES = 3
SHAPE = (16, 24, 26)


class Streams:
    """`staging` and `lane`."""

    @pytest.fixture
    def streams(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsStreams)

    def test_staging_is_memory_to_transfer_through(self, backend: Backend[Any], streams: Any) -> None:
        """`staging` is not a NumPy array of the shape and type that can be uploaded from and downloaded into."""
        for dtype in ("float32", "uint16"):
            staged = streams.staging(SHAPE, np.dtype(dtype))
            assert isinstance(staged, np.ndarray)
            assert staged.shape == SHAPE
            assert staged.dtype == dtype
            staged[...] = volume(SHAPE, low=0, high=100)
            back = backend.download(backend.upload(staged), out=streams.staging(SHAPE, np.dtype(np.float32)))
            np.testing.assert_array_equal(back, staged)

    def test_two_stagings_are_two_pieces_of_memory(self, backend: Backend[Any], streams: Any) -> None:
        """Two arrays of `staging` share memory while both are alive, so blocks would overwrite each other."""
        first, second = (streams.staging(SHAPE, np.dtype(np.float32)) for _ in range(2))
        assert not np.shares_memory(first, second)

    def test_a_lane_has_finished_when_it_is_left(self, backend: Backend[Any], streams: Any) -> None:
        """What was computed in one thread's lane is not there for another thread afterwards; wait for it on leaving."""
        arrays = [volume(SHAPE, seed) for seed in range(LANES)]
        barrier = Barrier(LANES)

        def lane(array: Volume) -> Any:
            barrier.wait(timeout=60)
            with streams.lane():
                device = backend.upload(array)
                spectrum = backend.fft(device)
                return backend.add(backend.ifft(spectrum, SHAPE), 1.0)

        with ThreadPoolExecutor(LANES) as pool:
            results = list(pool.map(lane, arrays))
        for array, result in zip(arrays, results, strict=True):
            np.testing.assert_allclose(backend.download(result), array + 1, atol=1e-5)
