"""What the laws are tried on: shapes of every parity, volumes that repeat themselves nowhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, example, given, settings

from rlcore.backend import Backend, Shape, Volume, real_dtype
from rlcore.testing import strategies

Test = TypeVar("Test", bound=Callable[..., None])

PARITIES: tuple[Shape, ...] = (
    *itertools.product((6, 7), repeat=2),
    *itertools.product((4, 5), repeat=3),
    *((1, 6), (7, 1), (1, 1), (1, 4, 5), (5, 1, 4), (4, 5, 1), (1, 1, 1)),
)
"""Every parity in 2D and 3D, and axes of a single voxel."""

ROUNDING = 1e-6
"""Relative error that arithmetic may make: a few roundings of float32."""

THROUGH_FFT = 3e-6
"""Error that a transform there and back may make, as a share of the maximum."""

_SETTINGS = settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def over_shapes(test: Test) -> Test:
    """Try a law on every parity and on shapes that hypothesis thinks of, the same in every run."""
    tried: Any = given(shape=strategies.shapes())(test)
    for shape in reversed(PARITIES):
        tried = example(shape=shape)(tried)
    result: Test = _SETTINGS(tried)
    return result


def volume(shape: Shape, seed: int = 0, *, low: float = -1.0, high: float = 1.0) -> Volume:
    """Random float32 voxels, different for every shape and seed."""
    rng = np.random.default_rng((*shape, seed))
    values: Volume = rng.uniform(low, high, shape).astype(np.float32)
    return values


def kernel(shape: Shape, seed: int = 0) -> Volume:
    """Random float32 voxels of sum 1, symmetric about nothing."""
    values: Volume = volume(shape, seed, low=0.0) ** 3
    values /= values.sum()
    return values


def circular(array: Volume, with_kernel: Volume, *, adjoint: bool = False) -> npt.NDArray[np.float64]:
    """The circular convolution in double precision, or the correlation."""
    transfer = np.fft.fftn(with_kernel.astype(np.float64))
    if adjoint:
        transfer = transfer.conj()
    return np.asarray(np.fft.ifftn(np.fft.fftn(array.astype(np.float64)) * transfer).real)


def close(measured: Volume, truth: Volume, *, relative: float = ROUNDING, of_maximum: float = 0.0) -> None:
    """Fail where two volumes differ by more than rounding; `of_maximum` is relative to the truth's largest voxel."""
    margin = of_maximum * float(np.abs(truth).max(initial=0.0))
    np.testing.assert_allclose(measured, truth, rtol=relative, atol=margin)


def garbage(backend: Backend[Any], shape: Shape) -> Any:
    """A real array to write into, of voxels that no result has."""
    return backend.upload(np.full(shape, np.nan, real_dtype(backend)))
