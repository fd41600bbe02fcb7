"""Shapes and volumes that the tests run on: every parity, and voxels that repeat nowhere."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, given, settings

from rlcore.backend import Backend, Shape, Volume
from rlcore.testing import strategies

PARITIES: tuple[Shape, ...] = (
    *itertools.product((6, 7), repeat=2),
    *itertools.product((4, 5), repeat=3),
    *((1, 6), (7, 1), (1, 1), (1, 4, 5), (5, 1, 4), (4, 5, 1), (1, 1, 1)),
)
"""Every parity in 2D and 3D, and axes of a single voxel."""

ROUNDING = 1e-6
"""Relative error allowed for arithmetic: a few roundings of float32."""

THROUGH_FFT = 3e-6
"""Error allowed for a transform there and back, relative to the maximum."""

_SETTINGS = settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def over_shapes(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on every parity, then on shapes that hypothesis generates, the same in every run."""
    generated: Any = _SETTINGS(given(shape=strategies.shapes())(test))

    @functools.wraps(test)
    def over(self: object, **fixtures: Any) -> None:
        for shape in PARITIES:
            try:
                test(self, shape=shape, **fixtures)
            except AssertionError as error:
                raise AssertionError(f"shape {shape}: {str(error).strip()}") from error
        generated(self, **fixtures)

    signature = inspect.signature(test)
    fixtures = [parameter for name, parameter in signature.parameters.items() if name != "shape"]
    over.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
    return over


def volume(shape: Shape, seed: int = 0, *, low: float = -1.0, high: float = 1.0) -> Volume:
    """Random float32 voxels, different for every shape and seed."""
    rng = np.random.default_rng((*shape, seed))
    values: Volume = rng.uniform(low, high, shape).astype(np.float32)
    return values


def kernel(shape: Shape, seed: int = 0) -> Volume:
    """Random float32 voxels of sum 1, without any symmetry."""
    values: Volume = volume(shape, seed, low=0.0) ** 3
    values /= values.sum()
    return values


def circular(array: Volume, with_kernel: Volume, *, adjoint: bool = False) -> npt.NDArray[np.float64]:
    """The circular convolution in double precision, or the correlation."""
    otf = np.fft.fftn(with_kernel.astype(np.float64))
    if adjoint:
        otf = otf.conj()
    return np.asarray(np.fft.ifftn(np.fft.fftn(array.astype(np.float64)) * otf).real)


def close(measured: Volume, truth: Volume, *, relative: float = ROUNDING, of_maximum: float = 0.0) -> None:
    """Fail if two volumes differ by more than rounding; `of_maximum` is relative to the truth's largest voxel."""
    margin = of_maximum * float(np.abs(truth).max(initial=0.0))
    np.testing.assert_allclose(measured, truth, rtol=relative, atol=margin)


def garbage(engine: Backend[Any], shape: Shape) -> Any:
    """A real array to write into, filled with a value that no result has."""
    return engine.upload(np.full(shape, np.nan, engine.facts.dtype))
