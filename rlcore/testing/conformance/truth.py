"""Whole restorations against the same in double precision."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import array_api_compat.numpy
import numpy as np
import pytest

from rlcore.array_api import ArrayAPIBackend
from rlcore.backend import Backend, Shape, Volume, real_dtype
from rlcore.boundary import BOUNDARIES
from rlcore.deconvolve import deconvolve

ERRORS = {20: 1e-5, 100: 3e-5}
"""Largest error after so many iterations, as a share of the maximum: what single precision does, and no more."""

PROBLEMS: tuple[tuple[Shape, Shape], ...] = (((41, 38), (8, 9)), ((9, 16, 21), (5, 6, 7)))
BACKGROUND = 3.0


class Truth:
    """The algorithm on this backend, and on NumPy in double precision."""

    @pytest.mark.parametrize("iterations", ERRORS)
    @pytest.mark.parametrize("boundary", BOUNDARIES)
    def test_restorations_agree_with_double_precision(
        self, backend: Backend[Any], boundary: str, iterations: int
    ) -> None:
        """A restoration is not that of double precision to single precision's rounding.

        If a law fails too, mend that first. If this fails alone, something computes in less than float32: half
        precision, tensor cores, fast arithmetic, or a transform with poor twiddle factors.
        """
        for image_shape, psf_shape in PROBLEMS:
            image, psf = blurred_spots(image_shape, psf_shape)
            options: Any = {"iterations": iterations, "boundary": boundary, "background": BACKGROUND}
            restored = deconvolve(image, psf, backend=backend, **options)
            truth = reference(image_shape, psf_shape, boundary, iterations)
            assert restored.shape == image.shape
            assert restored.dtype == real_dtype(backend)
            error = float(np.abs(restored - truth).max() / truth.max())
            assert error <= ERRORS[iterations], f"{image_shape}, {boundary}: error {error:.1e} of the maximum"


@lru_cache(maxsize=8)
def blurred_spots(image_shape: Shape, psf_shape: Shape) -> tuple[Volume, Volume]:
    """Poisson counts of spots that a lopsided PSF has blurred."""
    rng = np.random.default_rng(sum(image_shape))
    axes = np.meshgrid(*[np.arange(p) - p // 2 for p in psf_shape], indexing="ij")
    bell = np.exp(-6 * sum((axis / (p / 2)) ** 2 for axis, p in zip(axes, psf_shape, strict=True)))
    psf = bell * np.prod([1 + 0.5 * np.tanh(axis) for axis in axes], axis=0)  # unlike its mirror image
    spots = rng.random(image_shape) ** 12 * 300
    padded = np.zeros(image_shape)
    padded[tuple(slice(p) for p in psf_shape)] = psf / psf.sum()
    blurred = np.fft.ifftn(np.fft.fftn(spots) * np.fft.fftn(padded)).real
    return rng.poisson(np.maximum(blurred, 0) + BACKGROUND).astype(np.float32), psf


@lru_cache(maxsize=64)
def reference(image_shape: Shape, psf_shape: Shape, boundary: Any, iterations: int) -> Volume:
    """The restoration in double precision."""
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    image, psf = blurred_spots(image_shape, psf_shape)
    restored: Volume = deconvolve(
        image, psf, backend=double, iterations=iterations, boundary=boundary, background=BACKGROUND
    )
    return restored
