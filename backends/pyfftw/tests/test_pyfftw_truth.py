"""The backend against NumPy in double precision, and whole restorations against a double-precision run."""

import itertools

import array_api_compat.numpy
import numpy as np
import pytest

from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.boxes import Box
from rlcore.testing import no_camera
from rlcore_pyfftw import PyFFTWBackend

SHAPES = [*itertools.product((11, 12), repeat=2), *itertools.product((7, 8), repeat=3), (1, 9), (9, 1), (1, 1, 1)]
LARGE = [(600, 700), (40, 130, 150), (3, 700, 601)]
"""More than one batch of planes, or more than one tile of columns, with shorter last ones."""


@pytest.fixture(scope="module")
def backend():
    return PyFFTWBackend(threads=2)


def random_pair(shape):
    rng = np.random.default_rng(sum(shape))
    image, kernel = rng.random(shape, np.float32), rng.random(shape, np.float32)
    return image, kernel / kernel.sum()


@pytest.mark.parametrize("shape", SHAPES + LARGE, ids=str)
def test_filters_equal_double_precision(backend, shape):
    bound = 4e-6 if 601 in shape else 2e-6  # a large prime takes FFTW through convolutions, which round more
    image, kernel = random_pair(shape)
    otf = np.fft.fftn(kernel.astype(np.float64))
    spectrum = np.fft.fftn(image.astype(np.float64))
    array, factor = backend.upload(image), backend.fft(backend.upload(kernel))
    for filtered, truth in (
        (backend.convolve(array, factor), spectrum * otf),
        (backend.correlate(array, factor), spectrum * otf.conj()),
        (backend.ifft(backend.multiply(backend.fft(array), factor), shape), spectrum * otf),
        (backend.ifft(backend.fft(array), shape), spectrum),
    ):
        np.testing.assert_allclose(backend.download(filtered), np.fft.ifftn(truth).real, atol=bound, rtol=0)
    np.testing.assert_array_equal(backend.download(array), image)


@pytest.mark.parametrize("shape", SHAPES + LARGE, ids=str)
def test_correlate_is_the_adjoint_of_convolve(backend, shape):
    x, kernel = random_pair(shape)
    y = np.random.default_rng(1).random(shape, np.float32)
    otf = backend.fft(backend.upload(kernel))
    forward = backend.download(backend.convolve(backend.upload(x), otf)).astype(np.float64)
    backward = backend.download(backend.correlate(backend.upload(y), otf)).astype(np.float64)
    assert np.vdot(forward, y) == pytest.approx(np.vdot(x, backward), rel=1e-5)


def test_filter_in_place_gives_the_same_and_planes_of_zeros_change_nothing(backend):
    image, kernel = random_pair((40, 130, 150))
    image[10:] = 0
    otf, array = backend.fft(backend.upload(kernel)), backend.upload(image)
    apart = backend.download(backend.convolve(array, otf))
    np.testing.assert_allclose(
        apart, np.fft.ifftn(np.fft.fftn(image.astype(float)) * np.fft.fftn(kernel.astype(float))).real, atol=2e-6
    )
    assert backend.convolve(array, otf, out=array) is array
    np.testing.assert_allclose(backend.download(array), apart, atol=1e-6)


@pytest.mark.parametrize("shape", [(12, 11), (7, 8, 9), (40, 700, 601)], ids=str)
def test_ratio_and_update_follow_their_formulas(backend, shape):
    rng = np.random.default_rng(2)
    image, blurred, other = (rng.random(shape, np.float32) for _ in range(3))
    image[1:3] = 0
    blurred[0] = 0
    inside = Box((1,) * len(shape), tuple(n - 2 for n in shape))
    truth = image / np.maximum(blurred + np.float32(0.5), 1e-3) - 1
    for box, mask in ((None, 1), (inside, np.zeros(shape))):
        if box is not None:
            mask[box.slices((0,) * len(shape))] = 1
        ratio = backend.ratio(backend.upload(image), backend.upload(blurred), background=0.5, floor=1e-3, inside=box)
        np.testing.assert_allclose(backend.download(ratio), truth * mask, rtol=1e-6, atol=1e-7)
    weight = other * 4
    weight[0] = 0
    correction = other - np.float32(0.7)
    updated = backend.update(backend.upload(image), backend.upload(correction), backend.upload(weight))
    truth = image * np.maximum(1 + correction * weight, 0)
    np.testing.assert_allclose(backend.download(updated), truth, rtol=1e-5, atol=1e-7)


def test_ratio_of_a_pending_array_leaves_it_whole(backend):
    image, kernel = random_pair((9, 10, 11))
    otf = backend.fft(backend.upload(kernel))
    blurred = backend.convolve(backend.upload(image), otf)
    before = backend.convolve(backend.upload(image), otf)
    inside = Box((2, 0, 0), (5, 10, 11))
    backend.ratio(backend.upload(image), blurred, background=0.0, floor=1e-6, inside=inside)
    np.testing.assert_array_equal(backend.download(blurred), backend.download(before))


@pytest.mark.parametrize("shape", [(12, 11), (7, 8, 9), (5, 700, 600)], ids=str)
def test_a_table_is_as_good_as_the_array_it_stands_for(backend, shape):
    rng = np.random.default_rng(3)
    table = rng.standard_normal((4,) * len(shape))
    index = tuple(rng.integers(0, 4, n) for n in shape)
    truth = table.astype(np.float32)[np.ix_(*index)]
    spread = backend.expand(table, index)
    np.testing.assert_array_equal(backend.download(spread), truth)
    image = rng.random(shape, np.float32)
    for operation, result in ((backend.multiply, image * truth), (backend.add, image + truth)):
        np.testing.assert_array_equal(backend.download(operation(backend.upload(image), spread)), result)
    ours = backend.update(backend.upload(image), backend.upload(image), spread)
    dense = backend.update(backend.upload(image), backend.upload(image), backend.upload(truth))
    np.testing.assert_array_equal(backend.download(ours), backend.download(dense))


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("start", [(-3, 2, -9), (4, -1, 5), (20, 0, 0)], ids=str)
def test_cut_and_paste(backend, start, wrap):
    volume = np.random.default_rng(4).random((8, 9, 10), np.float32)
    shape = (11, 7, 12)
    index = [np.arange(at, at + size) for at, size in zip(start, shape, strict=True)]
    inside = [(i >= 0) & (i < n) for i, n in zip(index, volume.shape, strict=True)]
    truth = volume[np.ix_(*(i % n for i, n in zip(index, volume.shape, strict=True)))]
    if not wrap:
        truth *= np.einsum("i,j,k->ijk", *inside)
    block = backend.cut(backend.upload(volume), start, shape, wrap=wrap)
    np.testing.assert_array_equal(backend.download(block), truth)
    target = backend.full((8, 9, 10), 2.0)
    backend.paste(block, (1, 2, 3), target, (4, 5, 6), (2, 3, 4))
    expected = np.full((8, 9, 10), 2, np.float32)
    expected[4:6, 5:8, 6:10] = truth[1:3, 2:5, 3:7]
    np.testing.assert_array_equal(backend.download(target), expected)


def test_flip_mirrors_about_voxel_0(backend):
    volume = np.random.default_rng(5).random((4, 5, 6), np.float32)
    mirrored = backend.download(backend.flip(backend.upload(volume)))
    np.testing.assert_array_equal(mirrored, np.roll(volume[::-1, ::-1, ::-1], (1, 1, 1), (0, 1, 2)))


@pytest.mark.parametrize("shape", [(40, 70, 75), (300, 301)], ids=str)
def test_the_number_of_threads_does_not_show(shape):
    image, kernel = random_pair(shape)
    results = []
    for threads in (1, 2, 3):
        backend = PyFFTWBackend(threads=threads)
        otf = backend.fft(backend.upload(kernel))
        ratio = backend.ratio(
            backend.upload(image), backend.convolve(backend.upload(image), otf), background=0.1, floor=1e-6
        )
        results.append(backend.download(backend.correlate(ratio, otf)))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("boundary", ["extended", "zero", "periodic"])
@pytest.mark.parametrize(("shape", "sigma"), [((20, 30, 31), 1.2), ((61, 50), 1.3)], ids=str)
def test_restorations_agree_with_double_precision(boundary, shape, sigma):
    rng = np.random.default_rng(6)
    image = rng.poisson(5 + 50 * rng.random(shape) ** 8).astype(np.float32)
    axes = np.meshgrid(*[np.arange(9) - 4] * len(shape), indexing="ij")
    psf = np.exp(-sum(axis**2 for axis in axes) / (2 * sigma**2))
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    for iterations, bound in ((20, 1e-5), (100, 3e-5)):
        options = {"iterations": iterations, "acceleration": "none", "boundary": boundary}
        truth = no_camera.deconvolve(image, psf, backend=double, **options)
        ours = no_camera.deconvolve(image, psf, backend="pyfftw", **options)
        assert ours.dtype == np.float32
        assert np.abs(ours - truth).max() <= bound * truth.max()


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_boxes_of_host_volumes_are_read_and_written_as_numpy_would(backend, wrap, dtype):
    volume = np.random.default_rng(3).integers(1, 1000, (9, 10, 11)).astype(dtype)
    for start, shape in [((2, 3, 4), (5, 6, 7)), ((-2, 3, -1), (5, 6, 13)), ((6, -3, 5), (7, 16, 4))]:
        index = [np.arange(at, at + n) for at, n in zip(start, shape, strict=True)]
        truth = volume[np.ix_(*(i % n for i, n in zip(index, volume.shape, strict=True)))].astype(np.float32)
        if not wrap:
            inside = [(i >= 0) & (i < n) for i, n in zip(index, volume.shape, strict=True)]
            truth = truth * (inside[0][:, None, None] & inside[1][:, None] & inside[2])
        block = backend.read(volume, start, shape, wrap=wrap)
        np.testing.assert_array_equal(backend.download(block), truth)
        target = np.zeros((6, 7, 8), dtype)
        backend.write(block, (1, 2, 1), target, (2, 1, 3), (3, 4, 2))
        np.testing.assert_array_equal(target[2:5, 1:5, 3:5], truth[1:4, 2:6, 1:3])
        assert np.count_nonzero(target) == np.count_nonzero(truth[1:4, 2:6, 1:3])
