"""The nine required operations against NumPy in double precision."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.boundary import BOUNDARIES, Geometry, check_boundary
from rlcore.backend import Backend, Shape, Volume
from rlcore.optics.psf import PSF
from rlcore.optics.psf_on_grid import on_device
from rlcore.testing.conformance.cases import THROUGH_FFT, circular, close, kernel, over_shapes, volume
from rlcore.testing.conformance.operations.defaults import only_required

REAL_DTYPES = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", ">u2", ">i4", ">f4", ">f8"),
)
"""Types of images; cameras and old files write big-endian numbers."""

ADJOINT = 1e-5
"""Maximum difference of the two inner products, relative to them."""

PROBLEMS: tuple[tuple[Shape, Shape], ...] = (
    *itertools.product(itertools.product((8, 9), repeat=2), itertools.product((4, 5), repeat=2)),
    *itertools.product(itertools.product((5, 6), repeat=3), itertools.product((2, 3), repeat=3)),
    *(((1, 9), (1, 4)), ((8, 1), (5, 1)), ((1, 5, 6), (1, 3, 2)), ((6, 1, 5), (2, 3, 4))),
)
"""Image and PSF of every parity in 2D and 3D, and axes of a single voxel."""


class Transfers:
    """`upload` and `download`."""

    @over_shapes
    def test_download_gives_back_what_was_uploaded(self, engine: Backend[Any], shape: Shape) -> None:
        """``download(upload(x))`` is not x to the last bit: voxels are moved, truncated, or kept in half precision."""
        array = volume(shape) * np.float32(1 + 2**-20)
        back = engine.download(engine.upload(array))
        assert back.dtype == engine.facts.dtype
        np.testing.assert_array_equal(back, array)

    def test_upload_takes_every_real_dtype(self, engine: Backend[Any]) -> None:
        """`upload` fails on images of some type, or changes their values; convert them to the backend's precision."""
        for dtype in REAL_DTYPES:
            array = volume((3, 4, 5), low=0, high=100).astype(dtype)
            np.testing.assert_array_equal(
                engine.download(engine.upload(array)), array.astype(engine.facts.dtype), f"upload of {dtype}"
            )

    def test_upload_takes_memory_of_every_layout(self, engine: Backend[Any]) -> None:
        """`upload` reads strided, reversed, transposed or read-only memory wrongly; images are often views of files."""
        array = volume((6, 8, 10))
        locked = array.copy()
        locked.flags.writeable = False
        views: list[Volume] = [array[::2, 1:7, ::3], array[::-1, :, ::-1], array.T, np.asfortranarray(array), locked]
        views.append(np.broadcast_to(array[:, :1], (6, 5, 10)))
        for view in views:
            np.testing.assert_array_equal(engine.download(engine.upload(view)), view)

    def test_upload_copies(self, engine: Backend[Any]) -> None:
        """The array on the device shares the caller's memory, so the image would be overwritten; copy in `upload`."""
        array = volume((4, 5)).astype(engine.facts.dtype)
        before = array.copy()
        device = engine.upload(array)
        array[...] = 7
        np.testing.assert_array_equal(engine.download(device), before)

    def test_download_copies(self, engine: Backend[Any]) -> None:
        """`download` returns memory that it shares with the array on the device; it has to return a copy."""
        before = volume((4, 5)).astype(engine.facts.dtype)
        device = engine.upload(before)
        host = engine.download(device)
        host[...] = 7
        np.testing.assert_array_equal(engine.download(device), before)

    @over_shapes
    def test_download_fills_out(self, engine: Backend[Any], shape: Shape) -> None:
        """`download` ignores `out`, or fails to fill one that is strided or in double precision."""
        array = volume(shape)
        device = engine.upload(array)
        doubled = (*shape[:-1], 2 * shape[-1])
        for out in (np.zeros(shape, np.float32), np.zeros(shape), np.zeros(doubled, np.float32)[..., ::2]):
            assert engine.download(device, out=out) is out
            np.testing.assert_array_equal(out, array)


class Arithmetic:
    """`multiply`, `add`, `divide`, `clamp` and `flip` against NumPy in double precision."""

    @over_shapes
    def test_multiply(self, engine: Backend[Any], shape: Shape) -> None:
        """`multiply` of two real arrays is not their product, voxel by voxel."""
        a, b = volume(shape, 1), volume(shape, 2)
        close(engine.download(engine.multiply(engine.upload(a), engine.upload(b))), a.astype(np.float64) * b)

    @over_shapes
    def test_add(self, engine: Backend[Any], shape: Shape) -> None:
        """`add` is not the sum of two real arrays, or of a real array and a number."""
        a, b = volume(shape, 1, low=0), volume(shape, 2, low=0)
        close(engine.download(engine.add(engine.upload(a), engine.upload(b))), a.astype(np.float64) + b)
        close(engine.download(engine.add(engine.upload(a), 2.5)), a.astype(np.float64) + 2.5)

    @over_shapes
    def test_divide(self, engine: Backend[Any], shape: Shape) -> None:
        """`divide` is not ``a / max(b, floor)``; the floor applies to the divisor, not to the quotient."""
        a, b = volume(shape, 1), volume(shape, 2)
        quotient = engine.download(engine.divide(engine.upload(a), engine.upload(b), floor=0.25))
        close(quotient, a / np.maximum(b.astype(np.float64), 0.25))

    def test_divide_by_nothing_is_finite(self, engine: Backend[Any]) -> None:
        """A quotient x / 0 is infinite or NaN, which one transform spreads everywhere; divide by ``max(b, floor)``."""
        a = volume((5, 6, 7), low=0, high=1e4)
        a[0] = 0
        b = np.zeros_like(a)
        b[:, 3:] = -1
        for floor in (1e-4, 1e-8, 1e-20):
            quotient = engine.download(engine.divide(engine.upload(a), engine.upload(b), floor=floor))
            close(quotient, a / np.float64(floor))

    @over_shapes
    def test_clamp(self, engine: Backend[Any], shape: Shape) -> None:
        """`clamp` is not ``max(array, floor)``; the floor may be negative, and there is no upper bound."""
        array = volume(shape, low=-3, high=3)
        for floor in (0.0, -1.5, 1.5):
            clamped = engine.download(engine.clamp(engine.upload(array), floor))
            np.testing.assert_array_equal(clamped, np.maximum(array, np.float32(floor)))

    @over_shapes
    def test_flip_mirrors_about_voxel_0(self, engine: Backend[Any], shape: Shape) -> None:
        """`flip` does not take voxel i to (-i) mod n on every axis, so features would drift by a voxel.

        Plain reversal is off by one: the reversed array has to be rolled by 1, so that voxel 0 stays where it is.
        """
        array = volume(shape)
        axes = tuple(range(array.ndim))
        mirrored = np.roll(np.flip(array), (1,) * array.ndim, axes)
        np.testing.assert_array_equal(engine.download(engine.flip(engine.upload(array))), mirrored)

    @over_shapes
    def test_flip_twice_changes_nothing(self, engine: Backend[Any], shape: Shape) -> None:
        """``flip(flip(x))`` is not x, so `flip` mirrors about no voxel; compare odd axes with even ones."""
        array = volume(shape)
        twice = engine.flip(engine.flip(engine.upload(array)))
        np.testing.assert_array_equal(engine.download(twice), array)


class Transforms:
    """`fft`, `ifft` and `multiply` of spectra against NumPy in double precision."""

    @over_shapes
    def test_ifft_undoes_fft(self, engine: Backend[Any], shape: Shape) -> None:
        """``ifft(fft(x), shape)`` is not x; check the division by the size, and a last axis of odd length."""
        array = volume(shape)
        back = engine.download(engine.ifft(engine.fft(engine.upload(array)), shape))
        assert back.shape == array.shape
        close(back, array, relative=0, of_maximum=THROUGH_FFT)

    @over_shapes
    def test_the_product_of_spectra_is_a_convolution(self, engine: Backend[Any], shape: Shape) -> None:
        """``ifft(fft(x) * fft(h))`` is not the circular convolution; check `multiply` of spectra, a scale that is in
        `fft` instead of `ifft`, and axes that are not transformed."""
        array, psf = volume(shape), kernel(shape)
        product = engine.multiply(engine.fft(engine.upload(array)), engine.fft(engine.upload(psf)))
        blurred = engine.download(engine.ifft(product, shape))
        close(blurred, circular(array, psf), relative=0, of_maximum=THROUGH_FFT)


class Adjoint:
    """<H x, y> = <x, H^T y>, which keeps features in their place, for the steps that the required operations make."""

    @pytest.mark.parametrize("boundary", BOUNDARIES)
    def test_correlation_is_the_adjoint_of_convolution(self, engine: Backend[Any], boundary: str) -> None:
        """<H x, y> is not <x, H^T y>: the correlation is off by a voxel, and restored features would drift.

        Check `flip` first (index i goes to (-i) mod n), then `multiply` of spectra, and an odd last axis in `ifft`.
        """
        check_adjoint(only_required(engine), boundary)


def check_adjoint(engine: Backend[Any], boundary: str) -> None:
    """Compare the two inner products for PSFs about the usual centre, and about one away from it."""
    for image_shape, psf_shape in PROBLEMS:
        for centre in {tuple(p // 2 for p in psf_shape), tuple(p - 1 for p in psf_shape)}:
            geometry = Geometry(image_shape, psf_shape, centre, check_boundary(boundary))
            forward, backward = _inner_products(engine, geometry)
            what = f"image {image_shape}, PSF {psf_shape} about {centre}, {boundary}"
            said = f"{what}: <H x, y> {forward}, <x, H^T y> {backward}"
            assert abs(forward - backward) <= ADJOINT * abs(forward), said


def _inner_products(engine: Backend[Any], geometry: Geometry) -> tuple[float, float]:
    """<H x, y> and <x, H^T y> with x in the domain of the estimate, and y in the image."""
    minimum = geometry.minimum_shape
    shape = minimum if geometry.wraps else tuple(engine.fast_shape(minimum))
    psf = PSF(kernel(geometry.psf_shape).astype(np.float64), geometry.centre)
    otf = engine.otf(on_device(engine, psf, shape), shape)
    x, y = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    domain, image = (box.slices(geometry.domain.start) for box in (geometry.domain, geometry.image))
    x[domain] = volume(geometry.domain.shape, 1, low=0) ** 2
    y[image] = volume(geometry.image_shape, 2, low=0) ** 2
    blurred = engine.download(engine.convolve(engine.upload(x), otf))[image].astype(np.float64)
    back = engine.download(engine.correlate(engine.upload(y), otf))[domain].astype(np.float64)
    return float(np.vdot(blurred, y[image])), float(np.vdot(x[domain], back))
