"""`SupportsFit`: how well a block fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, Shape, SupportsFit
from rlcore.backend.boxes import Box
from rlcore.testing.conformance.cases import over_shapes, volume
from rlcore.testing.conformance.powers.claims import needs


class Fits:
    """`fit` against NumPy in double precision."""

    @pytest.fixture
    def fitter(self, backend: Backend[Any]) -> Any:
        """The backend, if it claims the power."""
        return needs(backend, SupportsFit)

    @over_shapes
    def test_fit(self, backend: Backend[Any], fitter: Any, shape: Shape) -> None:
        """`fit` is not the I-divergence and the model's sum in the box, or counts what is outside it."""
        counts, blurred = np.floor(volume(shape, 1, low=0, high=9)), volume(shape, 2, low=-1, high=9)
        box = Box(tuple(min(1, n - 1) for n in shape), shape)
        part = box.slices((0,) * len(shape))
        model = np.maximum(blurred[part].astype(np.float64) + 0.5, 0.25)
        d = counts[part].astype(np.float64)
        divergence = np.sum(d * np.log(np.where(d > 0, d, 1) / np.where(d > 0, model, 1)) - d + model)
        arrays = backend.upload(counts), backend.upload(blurred)
        divergence_found, light, total = fitter.fit(*arrays, background=0.5, floor=0.25, inside=box)
        assert light == pytest.approx(model.sum(), rel=1e-6)
        assert total == pytest.approx(d.sum(), rel=1e-6)
        assert divergence_found == pytest.approx(divergence, rel=1e-5, abs=1e-5 * model.sum())
        for array, values in zip(arrays, (counts, blurred), strict=True):
            np.testing.assert_array_equal(backend.download(array), values)

    @over_shapes
    def test_planes(self, backend: Backend[Any], fitter: Any, shape: Shape) -> None:
        """`planes` is not every n-th plane of the array, or changes it; what is pending in it must stay so."""
        array, unit = volume(shape), np.zeros(shape, np.float32)
        unit[(0,) * len(shape)] = 1
        for first, step in ((0, 1), (0, 2), (1, 3)):
            count = -(-(shape[0] - first) // step)
            if count < 1:
                continue
            plain = backend.upload(array)
            np.testing.assert_array_equal(
                backend.download(fitter.planes(plain, first, step, count)), array[first::step]
            )
            transformed = backend.ifft(backend.multiply(backend.fft(plain), backend.fft(backend.upload(unit))), shape)
            taken = backend.download(fitter.planes(transformed, first, step, count))
            np.testing.assert_array_equal(taken, backend.download(transformed)[first::step])
            np.testing.assert_array_equal(backend.download(plain), array)
