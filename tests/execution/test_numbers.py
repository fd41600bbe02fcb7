"""Numbers that single precision does not hold: results as in double precision, or one sentence."""

import numpy as np
import pytest
from fixtures.plans import in_blocks
from fixtures.scenes import counts, gaussian

import rlcore
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera

IMAGE, PSF = counts((30, 40, 44)).astype(np.float64), gaussian((5, 6, 7))
DOUBLE = NumPyBackend(dtype="float64")
OPTIONS = {
    "plain": {"acceleration": "none"},
    "tv": {"regularization": "tv"},
    "biggs from the image": {"acceleration": "biggs", "start": "image"},
    "background": {"background": 5.0},
    "periodic": {"boundary": "periodic"},
}


def in_units(options, unit):
    scaled = {"background": options["background"] * unit} if "background" in options else {}
    return {**options, **scaled}


def error(result, wanted, unit=1.0):
    return np.abs(np.asarray(result, np.float64) / unit - wanted).max() / wanted.max()


@pytest.fixture(scope="module")
def wanted():
    made = {name: no_camera.deconvolve(IMAGE, PSF, backend=DOUBLE, iterations=4, **o) for name, o in OPTIONS.items()}
    made["start"] = no_camera.deconvolve(IMAGE, PSF, backend=DOUBLE, iterations=4, start=IMAGE + 3)
    return made


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("unit", [1e36, 1e-30, 1e-40])
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_float32_images_of_any_scale_are_restored_as_in_double_precision(name, unit, backend, wanted):
    image = (IMAGE * unit).astype(np.float32)
    result = no_camera.deconvolve(image, PSF, backend=backend, iterations=4, **in_units(OPTIONS[name], unit))
    assert result.dtype == np.float32
    assert error(result, wanted[name], unit) <= 1e-4


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("unit", [1e300, 1e-300, 1e36, 1.0])
def test_float64_images_of_any_scale_go_to_float64(name, unit, wanted):
    out = np.zeros(IMAGE.shape)
    options = in_units(OPTIONS[name], unit)
    no_camera.deconvolve(IMAGE * unit, PSF, backend="numpy", iterations=4, out=out, **options)
    assert error(out, wanted[name], unit) <= 1e-4


@pytest.mark.parametrize(
    "properties", [{"half_steps": 1}, {"half_steps": 2}, {"half_steps": 1, "placement": "scratch"}]
)
@pytest.mark.parametrize("unit", [1e36, 1e-40])
@pytest.mark.parametrize("with_out", [False, True])
def test_blocks_scale_as_the_whole_does(properties, unit, with_out, wanted):
    image = (IMAGE * unit).astype(np.float32)
    plan = in_blocks(**properties, acceleration="none")
    options = {"out": image} if with_out else {}
    result = no_camera.deconvolve(image, PSF, plan=plan, backend="numpy", iterations=4, acceleration="none", **options)
    assert error(result, wanted["plain"], unit) <= 1e-4


@pytest.mark.parametrize("unit", [1e36, 1e-40])
def test_a_start_and_a_checkpoint_scale_along(unit, wanted, tmp_path):
    image, start = (IMAGE * unit).astype(np.float32), (IMAGE + 3) * unit

    def stop(progress):
        return progress.iteration < 2

    options = {"backend": "numpy", "iterations": 4, "start": start, "checkpoint": tmp_path / "state"}
    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(image, PSF, callback=stop, **options)
    assert error(no_camera.deconvolve(image, PSF, **options), wanted["start"], unit) <= 1e-4


@pytest.mark.parametrize("unit", [2.0**119, 2.0**-120])
def test_a_power_of_two_changes_no_bit_and_the_history_is_in_the_images_units(unit):
    image = IMAGE.astype(np.float32)
    options = {"backend": "numpy", "iterations": 3, "regularization": "tv", "return_info": True}
    one, other = image * np.float32(2.0**20), image * np.float32(unit)
    small, told = no_camera.deconvolve(other, PSF, **options)
    large, of_large = no_camera.deconvolve(one * np.float32(2.0**30), PSF, **options)
    np.testing.assert_array_equal(small / np.float32(unit), large / np.float32(2.0**50))
    np.testing.assert_allclose(np.array(told.divergence) / unit, np.array(of_large.divergence) / 2.0**50, rtol=1e-12)


def test_one_image_may_range_over_everything_that_float32_holds():
    image = (10.0 ** np.random.default_rng(0).uniform(-38, 38, (12, 16, 18))).astype(np.float32)
    for regularization in ("none", "tv"):
        options = {"iterations": 6, "regularization": regularization}
        out = np.zeros(image.shape)
        truth = no_camera.deconvolve(image, PSF, backend=DOUBLE, out=out, **options)
        result = no_camera.deconvolve(image, PSF, backend="numpy", out=np.zeros(image.shape), **options)
        assert error(result, truth) <= 1e-4


@pytest.mark.parametrize("unit", [1e300, 1e-300, 1e37, 1e-5])
def test_a_psf_of_any_scale_is_the_same_psf(unit, wanted):
    assert error(no_camera.deconvolve(IMAGE, PSF * unit, backend="numpy", iterations=4), wanted_plain()) <= 1e-4


def wanted_plain():
    return no_camera.deconvolve(IMAGE, PSF, backend="numpy", iterations=4)


@pytest.mark.parametrize(
    ("unit", "options", "text"),
    [
        (1e300, {}, "image has values so large that its result exceeds float32; give out= of float64, or divide the"),
        (1e-300, {}, r"image has a maximum of \S+, which a result of float32 cannot resolve; give out= of float64"),
        (1e36, {"regularization": "consensus"}, r"image has a maximum of \S+, so it is not in photons"),
    ],
)
def test_the_rest_is_refused_by_name(unit, options, text):
    with pytest.raises(rlcore.InputError, match=text):
        no_camera.deconvolve(IMAGE * unit, PSF, backend="numpy", **options)


@pytest.mark.parametrize("factor", [1e30, 1e-30])
def test_a_start_of_another_brightness_is_refused_with_the_factor_that_mends_it(factor):
    with pytest.raises(rlcore.InputError, match=r"start has a mean of \S+, the image of \S+; multiply it by \S+, so"):
        no_camera.deconvolve(IMAGE, PSF, backend="numpy", start=IMAGE * factor)


def test_values_far_below_zero_count_as_zero_too():
    image = IMAGE.copy()
    image[3, 4, 5] = -1e300
    with pytest.warns(rlcore.ImageWarning, match="1 negative voxels"):
        result = no_camera.deconvolve(image, PSF, backend="numpy", iterations=2)
    image[3, 4, 5] = 0
    assert error(result, no_camera.deconvolve(image, PSF, backend="numpy", iterations=2)) <= 1e-6


MASKED = np.ma.masked_greater(IMAGE, 25)
PSF_MASKED = np.ma.masked_greater(PSF, PSF.max() / 2)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"psf": PSF_MASKED}, r"psf has \d+ masked voxels, .*; fill them first, by psf.filled\(0\)"),
        ({"start": MASKED}, r"start has \d+ masked voxels, .*; fill them first, by start.filled\(0\) say"),
        ({"out": np.ma.zeros(IMAGE.shape)}, "out is a masked array"),
        ({"image": IMAGE.astype("M8[s]")}, "image of dtype 'datetime64\\[s\\]' cannot be used"),
        ({"image": IMAGE.astype([("a", "f4")])}, "image of dtype .* cannot be used"),
        ({"start": IMAGE.astype(complex)}, "start of dtype 'complex128' cannot be used"),
        ({"image": [[1, 2], [3]]}, "image of type 'list' is not an array of numbers"),
        ({"image": [[2**70, 1], [1, 1]]}, "image of dtype 'object' cannot be used"),
        ({"out": np.zeros(IMAGE.shape, np.float16)}, "out is of dtype 'float16'; it must be float32 or float64"),
        ({"out": np.broadcast_to(np.float32(0), IMAGE.shape)}, "out is read-only"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_in_one_sentence(options, text):
    with pytest.raises(rlcore.InputError, match=text) as refusal:
        no_camera.deconvolve(options.pop("image", IMAGE), options.pop("psf", PSF), backend="numpy", **options)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: np.ma.array(a),
        lambda a: a.astype(">f4"),
        lambda a: a.astype(np.float16),
        lambda a: a.astype(np.longdouble),
        lambda a: a.astype(np.uint64),
        lambda a: a[::-1].copy()[::-1],
        lambda a: np.asfortranarray(a),
        lambda a: np.broadcast_to(a, a.shape),
        lambda a: a.tolist(),
    ],
)
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_arrays_of_every_kind_are_restored_alike(change, backend):
    image = IMAGE[:10, :12, :14]
    truth = no_camera.deconvolve(image, PSF, backend="numpy", iterations=2)
    out = np.zeros((10, 14, 12), ">f8").transpose(0, 2, 1)
    assert error(no_camera.deconvolve(change(image), PSF, backend=backend, iterations=2), truth) <= 1e-5
    assert error(no_camera.deconvolve(change(image), PSF, backend=backend, iterations=2, out=out), truth) <= 1e-5
