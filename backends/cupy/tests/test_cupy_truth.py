"""Filters and steps against NumPy in double precision, on a CUDA device."""

import itertools
from dataclasses import replace

import array_api_compat.numpy
import numpy as np
import pytest

from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.boxes import Box
from rlcore.errors import BackendUnavailable
from rlcore.testing import no_camera
from rlcore_cupy import CuPyBackend

SHAPES = [*itertools.product((11, 12), repeat=2), *itertools.product((7, 8), repeat=3), (1, 9), (9, 1), (1, 1, 1)]
LARGE = [(600, 700), (1056, 1100), (40, 130, 150), (80, 132, 264), (3, 1087, 601), (67, 64, 59), (320, 96, 100)]
"""Lengths of two and three stages, tiles that are not full, primes that are left to cuFFT."""


@pytest.fixture(scope="module")
def backend():
    try:
        return CuPyBackend()
    except BackendUnavailable as error:
        pytest.skip(str(error))


def peak(shape):
    axes = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    return np.exp(-sum(axis**2 for axis in axes))


def random_pair(shape):
    rng = np.random.default_rng(sum(shape))
    image, kernel = rng.random(shape, np.float32), rng.random(shape, np.float32)
    return image, kernel / kernel.sum()


@pytest.mark.parametrize("shape", SHAPES + LARGE, ids=str)
def test_filters_equal_double_precision(backend, shape):
    image, kernel = random_pair(shape)
    otf = np.fft.fftn(kernel.astype(np.float64))
    spectrum = np.fft.fftn(image.astype(np.float64))
    array, ours = backend.upload(image), backend.fft(backend.upload(kernel))
    for filtered, truth in (
        (backend.convolve(array, ours), spectrum * otf),
        (backend.correlate(array, ours), spectrum * otf.conj()),
        (backend.ifft(backend.multiply(backend.fft(array), ours), shape), spectrum * otf),
        (backend.ifft(backend.fft(array), shape), spectrum),
    ):
        np.testing.assert_allclose(backend.download(filtered), np.fft.ifftn(truth).real, atol=2e-6, rtol=0)
    np.testing.assert_array_equal(backend.download(array), image)


@pytest.mark.parametrize("background", [0.0, 0.25])
@pytest.mark.parametrize("weighted", ["no", "array", "table"])
@pytest.mark.parametrize("shape", [(12, 11), (7, 8, 9), (20, 66, 98), (96, 100), (5, 64, 61)], ids=str)
def test_iterations_equal_double_precision(backend, shape, weighted, background):
    """Steps as the algorithm chains them, in place, however the backend joins them."""
    image, kernel = random_pair(shape)
    rng = np.random.default_rng(7)
    table = rng.uniform(0.5, 1.5, (3,) * len(shape))
    table[1, 1] = 0
    index = tuple(rng.integers(0, 3, n) for n in shape)
    dense = table[np.ix_(*index)]
    weight = {"no": None, "array": backend.upload(dense), "table": backend.expand(table, index)}[weighted]
    otf, truth = np.fft.fftn(kernel.astype(np.float64)), np.full(shape, 0.5)
    estimate, data, factor = backend.full(shape, 0.5), backend.upload(image), backend.fft(backend.upload(kernel))
    work, box = None, None if weighted == "no" else Box((1,) * len(shape), tuple(n - 2 for n in shape))
    for _ in range(3):
        ratio = image / np.maximum(np.fft.ifftn(np.fft.fftn(truth) * otf).real + background, 1e-6) - 1
        if box:
            ratio = np.pad(ratio[box.slices((0,) * len(shape))], [(1, 2)] * len(shape))
        correction = np.fft.ifftn(np.fft.fftn(ratio) * otf.conj()).real
        truth = truth * np.maximum(1 + correction * (1 if weight is None else dense), 0)
        blurred = backend.convolve(estimate, factor, out=work)
        work = backend.ratio(data, blurred, background=background, floor=1e-6, inside=box, out=blurred)
        work = backend.correlate(work, factor, out=work)
        estimate = backend.update(estimate, work, weight, out=estimate)
    np.testing.assert_allclose(backend.download(estimate), truth, rtol=2e-5, atol=2e-5)


def test_an_estimate_changed_between_iterations_is_seen(backend):
    """What is kept of an estimate for the next step is dropped when the estimate is written by something else."""
    image, kernel = random_pair((8, 30, 33))
    factor, data = backend.fft(backend.upload(kernel)), backend.upload(image)
    estimate = backend.full((8, 30, 33), 1.0)
    work = backend.ratio(data, backend.convolve(estimate, factor), background=0.0, floor=1e-6)
    work = backend.correlate(work, factor, out=work)
    estimate = backend.update(estimate, work, None, out=estimate)
    estimate = backend.multiply(estimate, backend.full((8, 30, 33), 3.0), out=estimate)
    blurred = backend.download(backend.convolve(estimate, factor, out=work))
    truth = np.fft.ifftn(np.fft.fftn(backend.download(estimate).astype(float)) * np.fft.fftn(kernel.astype(float))).real
    np.testing.assert_allclose(blurred, truth, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", ">u2", "float64", "int64", "bool", "float16"])
def test_any_type_arrives_as_float32(backend, dtype):
    volume = (np.random.default_rng(1).random((5, 300, 1000)) * 200).astype(dtype)
    np.testing.assert_array_equal(backend.download(backend.upload(volume)), volume.astype(np.float32))
    np.testing.assert_array_equal(
        backend.download(backend.read(volume[:, ::2, 7:], (-1, -2, 3), (4, 60, 70))),
        np.pad(volume[:, ::2, 7:].astype(np.float32), ((1, 0), (2, 0), (0, 0)))[:4, :60, 3:73],
    )


def test_arrays_of_the_device_come_back_as_such(backend):
    import cupy

    rng = np.random.default_rng(3)
    image, psf = rng.random((20, 30, 31), np.float32) + 1, peak((3, 4, 5))
    truth = no_camera.deconvolve(image, psf, iterations=5, backend=backend)
    for given in (cupy.asarray(image), cupy.asarray(np.ascontiguousarray(image.T)).T):
        before = given.copy()
        result = no_camera.deconvolve(given, psf, iterations=5, backend=backend)
        assert isinstance(result, cupy.ndarray)
        assert result.flags.c_contiguous
        np.testing.assert_allclose(result.get(), truth, rtol=1e-5)
        np.testing.assert_array_equal(given.get(), before.get())
    counts = cupy.asarray((image * 100).astype(np.uint16))
    cupy.cuda.Device().synchronize()  # this stream waits for no other
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        result = no_camera.deconvolve(counts, psf, iterations=5)
    stream.synchronize()
    np.testing.assert_allclose(
        result.get(), no_camera.deconvolve(counts.get(), psf, iterations=5, backend=backend), rtol=1e-5
    )


def test_tensors_of_another_library_are_taken_where_they_are(backend):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    image, psf = np.random.default_rng(4).random((64, 65), np.float32) + 1, peak((5, 5))
    result = no_camera.deconvolve(torch.as_tensor(image, device="cuda"), psf, iterations=5, backend=backend)
    np.testing.assert_allclose(result.get(), no_camera.deconvolve(image, psf, iterations=5, backend=backend), rtol=1e-5)


@pytest.mark.parametrize("boundary", ["extended", "zero", "periodic"])
@pytest.mark.parametrize("shape", [(20, 30, 31), (61, 50)], ids=str)
def test_restorations_agree_with_double_precision(backend, boundary, shape):
    rng = np.random.default_rng(6)
    image = rng.poisson(5 + 50 * rng.random(shape) ** 8).astype(np.uint16)
    axes = np.meshgrid(*[np.arange(9) - 4] * len(shape), indexing="ij")
    psf = np.exp(-sum(axis**2 for axis in axes) / 3)
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    for iterations, acceleration, bound in ((20, "none", 1e-5), (100, "none", 3e-5), (100, "heavy-ball", 5e-4)):
        run = {"iterations": iterations, "acceleration": acceleration, "boundary": boundary}
        truth = no_camera.deconvolve(image, psf, backend=double, **run)
        ours = no_camera.deconvolve(image, psf, backend=backend, **run)
        assert ours.dtype == np.float32
        assert np.abs(ours - truth).max() <= bound * truth.max()


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("half_steps", [1, 2])
def test_adaptive_momentum_in_blocks_equals_that_of_the_whole(backend, half_steps, sampled, monkeypatch):
    """Whether steps are compared everywhere, or in some of the planes."""
    shape, psf = (18, 30, 26), peak((5, 5, 5))
    if sampled:
        monkeypatch.setattr("rlcore.algorithm.sampled_planes.SAMPLED_VOXELS", np.prod(shape) // 3)
        monkeypatch.setattr("rlcore.algorithm.sampled_planes.MINIMUM_PLANES", 2)
    image = np.random.default_rng(8).poisson(5 + 50 * np.random.default_rng(9).random(shape) ** 8)
    run = {"iterations": 20, "acceleration": "biggs", "backend": backend}
    plan = no_camera.make_plan(shape, psf.shape, **run)
    core = -(-plan.geometry.domain.shape[0] // 2)
    block = (core + (4 if half_steps == 1 else 8), *plan.block_shape[1:])
    cores = (core, *plan.geometry.domain.shape[1:])
    plan = replace(plan, block_shape=block, core_shape=cores, halo=(4, 0, 0), half_steps=half_steps, placement="host")
    assert len(plan.tiling()) == 2
    whole = no_camera.deconvolve(image, psf, **run)
    ours = no_camera.deconvolve(image, psf, plan=plan, **run)
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    truth = no_camera.deconvolve(image, psf, **(run | {"backend": double}))
    assert np.abs(ours - whole).max() <= 2e-5 * whole.max()
    assert np.abs(whole - truth).max() <= 2e-4 * truth.max()


@pytest.mark.parametrize("reads", ["nothing", "the estimate", "another correction"])
@pytest.mark.parametrize("weighted", ["not at all", "by a volume", "by a table"])
def test_a_prediction_takes_the_pending_update_along(backend, reads, weighted):
    """Whatever is done in between: estimate and point are those of the two steps one after the other."""
    rng, shape = np.random.default_rng(7), (6, 10, 12)
    point, before, psf = (rng.random(shape, np.float32) for _ in range(3))
    ratio, psf = rng.random(shape, np.float32) * 4 - 3, psf / psf.sum()
    index = tuple(rng.integers(0, 2, n) for n in shape)
    table = 1 + rng.random((2, 2, 2)) if weighted != "not at all" else np.ones((2, 2, 2))
    correction = np.fft.irfftn(np.fft.rfftn(ratio) * np.fft.rfftn(psf).conj(), shape, axes=(0, 1, 2))
    estimate = point * np.maximum(1 + table[np.ix_(*index)] * correction, 0)
    following = np.maximum(estimate + 0.4 * (estimate - before), 0.75 * estimate)
    y, previous, work = (backend.upload(array) for array in (point, before, ratio))
    otf = backend.fft(backend.upload(psf))
    weight = None if weighted == "not at all" else backend.expand(table, index)
    if weighted == "by a volume":
        weight = backend.upload(np.float32(table[np.ix_(*index)]))
    work = backend.correlate(work, otf, out=work)
    f = backend.update(y, work, weight, out=y)
    if reads == "the estimate":
        np.testing.assert_allclose(backend.download(f), estimate, atol=1e-5)
    elif reads == "another correction":
        work = backend.correlate(work, otf, out=work)
    point = backend.predict(f, previous, 0.4, share=0.75, out=previous)
    np.testing.assert_allclose(backend.download(point), following, atol=1e-5)
    np.testing.assert_allclose(backend.download(f), estimate, atol=1e-5)


def test_devices_are_chosen_by_index_and_by_part_of_a_name(backend):
    from rlcore.errors import BackendUnavailable

    assert CuPyBackend(0).device == CuPyBackend("0").device == CuPyBackend.devices()[0].name
    assert CuPyBackend(CuPyBackend.devices()[0].name[3:9].lower()).device == CuPyBackend(0).device
    with pytest.raises(BackendUnavailable, match="no device 'abacus'; there are 0: "):
        CuPyBackend("abacus")
