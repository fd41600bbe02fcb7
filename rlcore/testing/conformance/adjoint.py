"""<H x, y> = <x, H^T y>: the law that keeps features in their place."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.boundary import BOUNDARIES, Geometry, check_boundary
from rlcore.algorithm.steps import Composed, Steps
from rlcore.backend import Backend, Shape
from rlcore.optics.psf import PSF
from rlcore.optics.psf_on_grid import on_device
from rlcore.testing.conformance.cases import kernel, volume

ADJOINT = 1e-5
"""How far the two products may lie apart, as a share of them."""

PROBLEMS: tuple[tuple[Shape, Shape], ...] = (
    *itertools.product(itertools.product((8, 9), repeat=2), itertools.product((4, 5), repeat=2)),
    *itertools.product(itertools.product((5, 6), repeat=3), itertools.product((2, 3), repeat=3)),
    *(((1, 9), (1, 4)), ((8, 1), (5, 1)), ((1, 5, 6), (1, 3, 2)), ((6, 1, 5), (2, 3, 4))),
)
"""Image and PSF of every parity in 2D and 3D, and axes of a single voxel."""


class Adjoint:
    """The basic operations as the two halves of an iteration."""

    @pytest.mark.parametrize("boundary", BOUNDARIES)
    def test_correlation_is_the_adjoint_of_convolution(self, backend: Backend[Any], boundary: str) -> None:
        """<H x, y> is not <x, H^T y>: the correlation is off by a voxel, and restored features would drift.

        Look at `flip` first (voxel i goes to (-i) mod n), then at `multiply` of spectra and an odd last axis in `ifft`.
        """
        for image_shape, psf_shape in PROBLEMS:
            check_adjoint(backend, image_shape, psf_shape, boundary, lambda shape: Composed(backend, shape))


def check_adjoint(
    backend: Backend[Any],
    image_shape: Shape,
    psf_shape: Shape,
    boundary: str,
    steps_of: Callable[[Shape], Steps[Any]],
) -> None:
    """Compare the two inner products for a PSF about the usual centre and about one that is off it."""
    for centre in {tuple(p // 2 for p in psf_shape), tuple(p - 1 for p in psf_shape)}:
        geometry = Geometry(image_shape, psf_shape, centre, check_boundary(boundary))
        least = geometry.minimum_shape
        shape = least if geometry.wraps else tuple(backend.fast_shape(least))
        steps = steps_of(shape)
        transfer = steps.transfer(on_device(backend, PSF(kernel(psf_shape).astype(np.float64), centre), shape))
        origin = geometry.domain.start
        x, y = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        domain, image = geometry.domain.slices(origin), geometry.image.slices(origin)
        x[domain] = volume(geometry.domain.shape, 1, low=0) ** 2
        y[image] = volume(image_shape, 2, low=0) ** 2
        blurred = backend.download(steps.convolve(backend.upload(x), transfer))[image].astype(np.float64)
        back = backend.download(steps.correlate(backend.upload(y), transfer))[domain].astype(np.float64)
        forward, backward = np.vdot(blurred, y[image]), np.vdot(x[domain], back)
        what = f"image {image_shape}, PSF {psf_shape} about {centre}, {boundary}"
        assert abs(forward - backward) <= ADJOINT * abs(forward), f"{what}: <H x, y> {forward}, <x, H^T y> {backward}"
