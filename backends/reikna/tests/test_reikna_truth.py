"""Filters against NumPy in double precision, restorations against a double-precision run, and blocks against it."""

from dataclasses import replace
from functools import partial

import array_api_compat.numpy
import numpy as np
import pytest

import rlcore
from rlcore.backend import Backend
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.kit.gpu_fft.columns import tiling_for
from rlcore.backend.kit.pinned_copies import PinnedCopies
from rlcore.testing import no_camera
from rlcore_reikna import packed_column_filter
from rlcore_reikna.column_transforms import ColumnTransforms
from rlcore_reikna.pinned_slot import PinnedSlot

SHAPES = [
    *[(12, 10), (11, 9), (4, 6, 7), (16, 8, 32), (3, 256, 8)],
    *[(16, 5, 6), (17, 6, 8), (30, 12, 20), (1, 6, 8), (6, 1, 8), (5, 4, 2), (8, 1), (288, 6, 4)],
]
"""Even and odd last axes in 2D and 3D, powers of two and other products of small primes, a prime too large for our own
kernels, axes of one voxel, and lengths that take one, two and three stages."""

DOUBLE = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")


@pytest.fixture(params=["reikna", "vkfft"], scope="module")
def backend(request, opencl):
    return opencl(request.param)


def problem(shape):
    """An image with bright spots, and a PSF."""
    rng = np.random.default_rng(6)
    image = rng.poisson(5 + 50 * rng.random(shape) ** 8).astype(np.float32)
    axes = np.meshgrid(*[np.arange(9) - 4] * len(shape), indexing="ij")
    return image, np.exp(-sum(axis**2 for axis in axes) / (2 * 1.3**2))


def random_pair(shape):
    """An image and a PSF on its grid, and their spectra in double precision."""
    rng = np.random.default_rng(sum(shape))
    image, psf = rng.random(shape, np.float32), rng.random(shape, np.float32)
    psf /= psf.sum()
    return image, psf, np.fft.fftn(image.astype(float)), np.fft.fftn(psf.astype(float))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_filters_equal_double_precision(backend, shape):
    image, psf, spectrum, true_otf = random_pair(shape)
    array, otf = backend.upload(image), backend.fft(backend.upload(psf))
    for filtered, truth in (
        (backend.convolve(array, otf), spectrum * true_otf),
        (backend.correlate(array, otf), spectrum * true_otf.conj()),
        (backend.ifft(backend.multiply(backend.fft(array), otf), shape), spectrum * true_otf),
    ):
        np.testing.assert_allclose(backend.download(filtered), np.fft.ifftn(truth).real, atol=2e-6, rtol=0)
    in_place = backend.upload(image)
    assert backend.correlate(in_place, otf, out=in_place) is in_place
    np.testing.assert_array_equal(backend.download(in_place), backend.download(backend.correlate(array, otf)))
    np.testing.assert_array_equal(backend.download(array), image)


PACKED = [
    (8, 5, 2),
    (9, 1, 6),
    (9, 2, 4),
    (12, 7, 10),
    (16, 6, 14),
    (64, 8, 66),
    (96, 3, 40),
    (200, 3, 8),
    (270, 5, 12),
    (400, 2, 12),
    (512, 4, 36),
]
"""Odd and even numbers of lines, and of complex numbers in a line; a column in the middle, or none; lengths whose
values pass through local memory in halves."""


@pytest.mark.parametrize("shape", PACKED, ids=str)
@pytest.mark.parametrize("local", [1 << 14, 48 << 10])
def test_columns_meet_their_mirror_images(opencl, shape, local, monkeypatch):
    """With much local memory and with little, which makes tiles narrow."""
    backend = opencl("reikna")
    limits = min(local, backend._runtime.device.local_mem_size), min(1024, backend._runtime.device.max_work_group_size)
    columns = ColumnTransforms(backend._runtime)
    columns._limits = limits
    if not columns.fit(shape[0]):
        pytest.skip(f"columns of {shape[0]} have no room in {limits[0]} bytes")
    monkeypatch.setattr(backend._transforms, "_columns", columns)
    image, psf, spectrum, true_otf = random_pair(shape)
    array, otf = backend.upload(image), backend.fft(backend.upload(psf))
    for filtered, truth in (
        (backend.convolve(array, otf), spectrum * true_otf),
        (backend.correlate(array, otf), spectrum * true_otf.conj()),
    ):
        np.testing.assert_allclose(backend.download(filtered), np.fft.ifftn(truth).real, atol=2e-6, rtol=0)
    assert any(name == "packed filter" for _, name in columns._kept)


@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize("shape", [(20, 30, 31), (61, 50)], ids=str)
def test_restorations_agree_with_double_precision(backend, boundary, shape):
    image, psf = problem(shape)
    options = {"iterations": 20, "boundary": boundary, "background": 1.0}
    truth = no_camera.deconvolve(image, psf, backend=DOUBLE, **options)
    ours = no_camera.deconvolve(image, psf, backend=backend, **options)
    assert ours.dtype == np.float32
    assert np.abs(ours - truth).max() <= 1e-5 * truth.max()


@pytest.mark.parametrize("half_steps", [1, 4])
def test_blocks_on_the_device_equal_double_precision(backend, half_steps, monkeypatch):
    # as on a GPU: working volumes live there, and blocks are cut from them
    monkeypatch.setattr(backend, "facts", replace(backend.facts, on_host=False))
    image, psf = problem((20, 60, 60))
    options = {"iterations": 4, "boundary": "extended"}
    plan = no_camera.make_plan(image.shape, psf.shape, backend=backend, **options)
    halo = 8 * max(1, half_steps // 2)
    keep = 64 - (8 if half_steps == 1 else 2 * halo)
    plan = replace(
        plan,
        block_shape=(32, 64, 64),
        core_shape=(28, keep, keep),
        halo=(0, halo, halo),
        half_steps=half_steps,
        placement="device",
    )
    assert len(plan.tiling()) > 1
    truth = no_camera.deconvolve(image, psf, backend=DOUBLE, **options)
    ours = no_camera.deconvolve(image, psf, backend=backend, plan=plan, **options)
    assert np.abs(ours - truth).max() <= 1e-5 * truth.max()


def test_fused_steps_equal_the_defaults(backend):
    defaults = {name: getattr(Backend, name) for name in ("convolve", "correlate", "ratio", "update", "predict")}
    plain = type("Plain", (type(backend),), defaults)()
    image, psf = problem((20, 30, 31))
    fused, composed = (no_camera.deconvolve(image, psf, backend=each, iterations=10) for each in (backend, plain))
    np.testing.assert_allclose(composed, fused, atol=1e-5 * fused.max(), rtol=0)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64"])
def test_host_arrays_of_any_type_and_strides_cross_the_bus(backend, dtype):
    source = np.random.default_rng(1).integers(0, 99, (30, 14, 22)).astype(dtype)[::2, ::-1].transpose(2, 0, 1)
    array = backend.upload(source)
    np.testing.assert_array_equal(backend.download(array), source)
    out = np.zeros((44, 15, 28), np.float64)[::2, :, ::2]
    assert backend.download(array, out=out) is out
    np.testing.assert_array_equal(out, source)


def test_volumes_larger_than_a_piece_cross_the_bus_whole(backend):
    slot = partial(PinnedSlot, backend._runtime.queue, backend._program.lock)
    transfers = PinnedCopies(slot, piece=1 << 10)
    for shape in ((7, 20, 30), (2, 50, 60), (3, 1500), (40, 41)):
        volume = np.random.default_rng(2).random(shape, np.float32)
        array, back = backend.full(shape, 0.0), np.empty(shape)
        transfers.upload(volume, array.buffer)
        transfers.download(array.buffer, back)
        np.testing.assert_array_equal(back, volume)
    transfers.close()


@pytest.mark.parametrize("bright", [False, True])
def test_summary_of_a_large_volume_is_exact_to_double_precision(backend, bright):
    """Also where a work-group adds many small sums to one that is too large to take them without rounding."""
    volume = np.random.default_rng(3).random((40, 200, 300), np.float32) + np.float32(1000)
    if bright:
        volume[...] = 1
        volume.reshape(-1)[: 1 << 17 : 256] = 1e8
    summary = backend.summary(backend.upload(volume))
    assert (summary.minimum, summary.maximum) == (volume.min(), volume.max())
    assert summary.total == pytest.approx(volume.sum(dtype=np.float64), rel=1e-9)


@pytest.mark.filterwarnings("ignore:the result leaves .* unexplained")  # no PSF has blurred these spots
def test_it_finds_as_many_iterations_as_double_precision_whole_and_in_blocks(backend, monkeypatch):
    """Also if the fit is taken on sampled planes."""
    monkeypatch.setattr("rlcore.algorithm.sampled_planes.SAMPLED_VOXELS", 5000)
    image, psf = problem((20, 30, 31))
    options = {"background": 1.0, "return_info": True, "gain": 1}
    truth, true_info = no_camera.deconvolve(image, psf, iterations="auto", backend=DOUBLE, **options)
    assert true_info.share < 0.5
    whole = no_camera.make_plan(image.shape, psf.shape, iterations="auto", backend=backend, memory="1 GiB")
    block = (*whole.block_shape[:1], whole.block_shape[1] // 2 + 12, *whole.block_shape[2:])
    keep = (*whole.core_shape[:1], -(-whole.geometry.domain.shape[1] // 2), *whole.core_shape[2:])
    blocks = replace(whole, block_shape=block, core_shape=keep, halo=(0, 8, 0), half_steps=1)
    for plan in (whole, blocks):
        ours, info = no_camera.deconvolve(image, psf, iterations="auto", backend=backend, plan=plan, **options)
        assert info.iterations == true_info.iterations
        assert np.abs(ours - truth).max() <= 5e-4 * truth.max()  # single precision, many iterations


@pytest.mark.parametrize(("local", "threads"), [(32 << 10, 256), (48 << 10, 1024), (1 << 19, 4096)])
def test_columns_that_can_be_transformed_can_meet_their_mirror_images(local, threads):
    for length in range(2, 1600):
        found = packed_column_filter.tiling_for(length, local, threads)
        assert (found is None) == (tiling_for(length, local, threads) is None)
        if found is not None:
            assert (4 if found.halves else 8) * length * found.width <= local
            assert found.threads <= threads


def test_values_pass_in_halves_where_that_makes_room_for_wider_tiles():
    wide, whole = (packed_column_filter.tiling_for(length, 48 << 10, 1024) for length in (576, 288))
    assert (wide.halves, wide.width) == (True, 16)
    assert (whole.halves, whole.width) == (False, 16)
