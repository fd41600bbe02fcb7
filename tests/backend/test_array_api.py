"""Arrays of another library in: the same library runs, and its arrays come out."""

import array_api_strict
import numpy as np
import pytest
from fixtures.scenes import counts, error, gaussian

import rlcore
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.errors import BackendError
from rlcore.testing import no_camera

IMAGE, PSF = counts((14, 20, 23)), gaussian((5, 6, 5))


@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
def test_an_array_of_another_library_comes_back_as_one(boundary):
    options = {"iterations": 5, "boundary": boundary, "background": 1.5}
    image = array_api_strict.asarray(IMAGE)
    result = no_camera.deconvolve(image, PSF, **options)
    assert type(result) is type(image)
    assert result.dtype == array_api_strict.float32
    assert result.shape == image.shape
    assert error(np.asarray(result), no_camera.deconvolve(IMAGE, PSF, backend="numpy", **options)) <= 1e-5
    np.testing.assert_array_equal(np.asarray(image), IMAGE)


@pytest.mark.parametrize("memory", ["21 MiB"])
def test_it_runs_in_blocks_too(memory):
    image = counts((40, 60, 60))
    truth = no_camera.deconvolve(image, PSF, iterations=3, backend="numpy")
    plan = no_camera.make_plan(
        image.shape, PSF.shape, iterations=3, backend=ArrayAPIBackend(array_api_strict), memory=memory
    )
    assert not plan.is_whole
    result = no_camera.deconvolve(array_api_strict.asarray(image), PSF, iterations=3, memory=memory)
    assert type(result).__module__.startswith("array_api_strict")
    assert error(np.asarray(result), truth) <= 1e-5


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64"])
def test_any_real_type_of_that_library_is_taken(dtype):
    image = array_api_strict.asarray(IMAGE.astype(dtype))
    result = no_camera.deconvolve(image, PSF, iterations=3)
    assert result.dtype == array_api_strict.float32
    assert error(np.asarray(result), no_camera.deconvolve(IMAGE, PSF, iterations=3, backend="numpy")) <= 1e-5


def test_named_another_backend_runs_and_numpy_comes_out():
    result = no_camera.deconvolve(array_api_strict.asarray(IMAGE), PSF, iterations=3, backend="numpy")
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, no_camera.deconvolve(IMAGE, PSF, iterations=3, backend="numpy"))


def test_voxels_that_are_no_numbers_are_found_where_they_are():
    image = IMAGE.copy()
    image[3, 4, 5] = image[13, 0, 0] = np.nan
    with pytest.raises(
        rlcore.InputError, match=r"image has 2 voxels that are NaN or infinite, the first at \(3, 4, 5\)"
    ):
        no_camera.deconvolve(array_api_strict.asarray(image), PSF)


def test_negative_voxels_are_counted_and_the_image_is_left_alone():
    image = array_api_strict.asarray(IMAGE - 15)
    below = int((IMAGE < 15).sum())
    with pytest.warns(rlcore.ImageWarning, match=f"image has {below} negative voxels, which count as 0"):
        result = no_camera.deconvolve(image, PSF, iterations=3)
    np.testing.assert_array_equal(np.asarray(image), IMAGE - 15)
    clipped = no_camera.deconvolve(np.maximum(IMAGE - 15, 0), PSF, iterations=3, backend="numpy")
    assert error(np.asarray(result), clipped) <= 1e-5


def test_complex_and_bool_and_misshapen_arrays_are_refused_or_taken_as_numpy_s():
    for bad, text in ((array_api_strict.ones((4, 4), dtype=array_api_strict.complex64), "dtype"), (
        array_api_strict.ones((4,)), "image has 1 axes"), (array_api_strict.ones((0, 4)), "is empty")):  # fmt: skip
        with pytest.raises(rlcore.InputError, match=text):
            no_camera.deconvolve(bad, gaussian((5, 5)))
    mask = np.indices((9, 9)).sum(axis=0) % 3 == 0
    result = no_camera.deconvolve(array_api_strict.asarray(mask), gaussian((5, 5)), iterations=2)
    assert (
        error(np.asarray(result), no_camera.deconvolve(mask, gaussian((5, 5)), iterations=2, backend="numpy")) <= 1e-5
    )


def test_a_library_without_fft_is_refused():
    class Bare:
        __name__ = "bare"

    with pytest.raises(BackendError, match="array library 'bare' has no fft extension; rlcore needs one"):
        ArrayAPIBackend(Bare())


def test_a_psf_of_that_library_is_taken():
    psf = array_api_strict.asarray(PSF)
    result = no_camera.deconvolve(array_api_strict.asarray(IMAGE), psf, iterations=3)
    plain = no_camera.deconvolve(array_api_strict.asarray(IMAGE), PSF, iterations=3)
    np.testing.assert_array_equal(np.asarray(result), np.asarray(plain))
