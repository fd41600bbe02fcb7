"""Whole restorations against the same in double precision."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import array_api_compat.numpy
import numpy as np
import pytest

from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.api.deconvolve import deconvolve
from rlcore.backend import Backend, Shape, Volume, real_dtype
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.optics.psf import PSF
from rlcore.testing.conformance.whole import whole_plan

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
            plan = whole_plan(backend, image_shape, psf_shape, iterations, boundary, "none")
            options: Any = {"iterations": iterations, "boundary": boundary, "background": BACKGROUND, "plan": plan}
            options["acceleration"] = "none"
            restored = deconvolve(image, psf, backend=backend, **options)
            truth = reference(image_shape, psf_shape, boundary, iterations)
            assert restored.shape == image.shape
            assert restored.dtype == real_dtype(backend)
            error = float(np.abs(restored - truth).max() / truth.max())
            assert error <= ERRORS[iterations], f"{image_shape}, {boundary}: error {error:.1e} of the maximum"


@lru_cache(maxsize=8)
def blurred_spots(image_shape: Shape, psf_shape: Shape) -> tuple[Volume, PSF]:
    """Spots that a lopsided PSF has blurred, fading towards the borders, without noise.

    Noise, and light from outside the frame, are what iterations amplify, and rounding with them, on any hardware.
    """
    rng = np.random.default_rng(sum(image_shape))
    axes = np.meshgrid(*[np.arange(p) - p // 2 for p in psf_shape], indexing="ij")
    bell = np.exp(-4 * sum((axis / (p / 2)) ** 2 for axis, p in zip(axes, psf_shape, strict=True)))
    psf = bell * np.prod([1 + 0.5 * np.tanh(axis) for axis in axes], axis=0)  # unlike its mirror image
    psf /= psf.sum()
    fading = np.prod(
        np.meshgrid(*[np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in image_shape], indexing="ij"), 0
    )
    spots = rng.random(image_shape) ** 4 * 100 * fading
    padded = np.zeros(image_shape)
    padded[tuple(slice(p) for p in psf_shape)] = psf
    blurred = np.fft.ifftn(np.fft.fftn(spots) * np.fft.fftn(padded)).real
    return (np.maximum(blurred, 0) + BACKGROUND).astype(np.float32), PSF(psf, tuple(p // 2 for p in psf_shape))


@lru_cache(maxsize=64)
def reference(image_shape: Shape, psf_shape: Shape, boundary: Any, iterations: int) -> Volume:
    """The restoration in double precision."""
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    image, psf = blurred_spots(image_shape, psf_shape)
    restored: Volume = deconvolve(
        image,
        psf,
        backend=double,
        iterations=iterations,
        acceleration="none",
        boundary=boundary,
        background=BACKGROUND,
    )
    return restored
