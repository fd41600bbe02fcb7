"""Bad input: one sentence that names it and the remedy, before anything is run or written."""

import warnings

import numpy as np
import pytest
from fixtures.scenes import counts, gaussian

import rlcore
from rlcore.testing import no_camera

IMAGE, PSF = counts((12, 13)), gaussian((5, 6))
FOUR_AXES = "image has 4 axes, shape (2, 3, 4, 5); it must have 2 or 3: (y, x) or (z, y, x)"
DEEP_PSF = "psf has 3 axes but the image has 2; give a psf of 2 axes, or the whole stack (z, y, x) as the image"
FLAT_PSF = "psf has 2 axes but the image has 3; give a psf of 3 axes, or restore the image's planes one by one"
VOLUME, PSF3 = counts((6, 7, 8)), gaussian((5, 5, 5))


def with_nan(shape, *places, value=np.nan):
    values = counts(shape)
    for place in places:
        values[place] = value
    return values


def refused(image=IMAGE, psf=PSF, **options):
    with pytest.raises(rlcore.InputError) as error:
        no_camera.deconvolve(image, psf, **{"backend": "numpy", **options})
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("image", "psf", "text"),
    [
        (np.ones(5), PSF, "image has 1 axes, shape (5,); it must have 2 or 3: (y, x) or (z, y, x)"),
        (np.float32(3), PSF, "image has 0 axes, shape (); it must have 2 or 3: (y, x) or (z, y, x)"),
        (np.ones((2, 3, 4, 5)), PSF, f"{FOUR_AXES}; give one volume of it at a time, such as image[0]"),
        (np.ones((0, 4)), PSF, "image of shape (0, 4) is empty; every axis must have at least one voxel"),
        (np.ones((4, 4), complex), PSF, "image of dtype 'complex128' cannot be used; convert it to real numbers"),
        (np.array([["a"]]), PSF, "image of dtype '<U1' cannot be used; convert it to real numbers"),
        (np.ones((3, 3), object), PSF, "image of dtype 'object' cannot be used; convert it to real numbers"),
        (IMAGE, PSF3, DEEP_PSF),
        (VOLUME, PSF, FLAT_PSF),
        (VOLUME, rlcore.prepare_psf(PSF), FLAT_PSF),
        (IMAGE, np.ones((0, 4)), "psf of shape (0, 4) is empty; give at least one voxel on every axis"),
        (IMAGE, np.zeros((3, 3)), "psf has no positive sum; give one that holds light, or another background"),
    ],
)
def test_what_is_no_image_or_no_psf_is_refused(image, psf, text):
    assert refused(image, psf) == text


@pytest.mark.parametrize(
    ("image", "psf", "further"), [(VOLUME, PSF3, 1), (VOLUME, PSF3, 2), (IMAGE, PSF, 1), (IMAGE, PSF, 3)]
)
def test_leading_axes_of_one_entry_of_a_psf_are_left_out(image, psf, further):
    longer = psf.reshape((1,) * further + psf.shape)
    expected = no_camera.deconvolve(image, psf, iterations=3, backend="numpy")
    np.testing.assert_array_equal(no_camera.deconvolve(image, longer, iterations=3, backend="numpy"), expected)


def test_other_further_axes_of_a_psf_are_refused():
    assert refused(VOLUME, PSF3[None].repeat(2, 0)) == "psf has 4 axes; give it 2 or 3"
    assert refused(IMAGE, PSF3[:, None]) == "psf has 4 axes; give it 2 or 3"
    # a stack of a single plane is no image of one
    assert "psf has 2 axes but the image has 3" in refused(IMAGE[None], PSF)


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted_and_the_first_is_named(backend, value):
    image = with_nan((6, 7, 8), (2, 3, 4), (5, 6, 7), (2, 3, 5), value=value)
    text = "image has 3 voxels that are NaN or infinite, the first at (2, 3, 4); replace them before deconvolving"
    assert refused(image, PSF3, backend=backend) == text
    psf = with_nan((5, 5), (4, 0), (3, 2), value=value)
    assert refused(IMAGE, psf) == "psf has 2 NaN or infinite voxels, the first at (3, 2); replace them, by 0 say"


def test_the_first_of_them_is_found_in_images_of_many_pieces():
    image = with_nan((3, 2100, 2100), (1, 2000, 7), (2, 0, 0))
    assert "2 voxels that are NaN or infinite, the first at (1, 2000, 7)" in refused(image, PSF3)


def test_opposite_infinities_do_not_hide_each_other():
    image = counts((6, 7))
    image[1, 2], image[3, 4] = np.inf, -np.inf
    assert "image has 2 voxels that are NaN or infinite, the first at (1, 2)" in refused(image)


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_negative_voxels_count_as_zero_and_that_is_said_once(backend):
    image = counts((12, 13)) - 20
    below = int((image < 0).sum())
    before = image.copy()
    with pytest.warns(rlcore.ImageWarning) as told:
        result = no_camera.deconvolve(image, PSF, backend=backend)
    assert [str(one.message) for one in told] == [f"image has {below} negative voxels, which count as 0"]
    assert told[0].filename == __file__
    np.testing.assert_array_equal(image, before)
    clipped = no_camera.deconvolve(np.maximum(image, 0), PSF, backend=backend)
    np.testing.assert_allclose(result, clipped, atol=1e-6 * clipped.max())


def test_an_image_below_zero_everywhere_gives_zeros():
    with pytest.warns(rlcore.ImageWarning, match="156 negative voxels"):
        result = no_camera.deconvolve(-IMAGE - 1, PSF, backend="numpy")
    np.testing.assert_array_equal(result, np.zeros(IMAGE.shape))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"iterations": 0}, "iterations 0 is neither a whole number of at least 1 nor 'auto'"),
        ({"iterations": -3}, "iterations -3 is neither a whole number of at least 1 nor 'auto'"),
        ({"iterations": 2.5}, "iterations 2.5 is neither a whole number of at least 1 nor 'auto'"),
        ({"iterations": "10"}, "iterations '10' is neither a whole number of at least 1 nor 'auto'"),
        ({"boundary": "mirror"}, "boundary 'mirror' is unknown; choose from 'extended', 'zero', 'periodic'"),
        ({"background": -1.0}, "background -1.0 is not a number of at least 0, nor 'auto'"),
        ({"background": np.nan}, "background nan is not a number of at least 0, nor 'auto'"),
        ({"background": "much"}, "background 'much' is not a number of at least 0, nor 'auto'"),
        ({"memory": "lots"}, "memory 'lots' is not a size; write it like '4 GiB', '800 MB' or '50%'"),
        ({"memory": "0 GiB"}, "memory '0 GiB' is not a size; write it like '4 GiB', '800 MB' or '50%'"),
        ({"memory": 1.5}, "memory 1.5 is neither a number of bytes nor a fraction in (0, 1]"),
        ({"memory": -5}, "memory -5 is neither a number of bytes nor a fraction in (0, 1]"),
        ({"memory": [1]}, "memory [1] is neither a number of bytes nor a fraction in (0, 1]"),
        ({"tolerance": 1e-3}, "tolerance is for independent blocks only; give exchange=False with it"),
        ({"out": np.zeros((12, 12), np.float32)}, "out has shape (12, 12); it must have the image's, (12, 13)"),
        ({"out": [[0.0]]}, "out has shape (); it must have the image's, (12, 13)"),
        ({"out": np.zeros((12, 13), np.uint16)}, "out is of dtype 'uint16'; it must be float32 or float64"),
    ],
    ids=str,
)
def test_options_that_cannot_be_used_are_refused(options, text):
    assert refused(**options) == text


def test_a_background_that_leaves_nothing_is_refused():
    assert refused(background=500.0).startswith("background 500 is not below the image's mean, ")


def test_a_tolerance_that_no_independent_blocks_keep_is_refused():
    text = refused(counts((200, 20)), PSF, exchange=False, tolerance=1e-9, memory="1 GiB")
    assert text.startswith("tolerance 1e-09 is below 0.0008, the least that independent blocks are known to keep")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nupmy", "backend 'nupmy' is unknown (did you mean 'numpy'?); installed are "),
        ("xyz", "backend 'xyz' is unknown; installed are "),
    ],
)
def test_an_unknown_backend_is_told_with_those_that_there_are(name, text):
    with pytest.raises(rlcore.BackendError) as error:
        no_camera.deconvolve(IMAGE, PSF, backend=name)
    assert str(error.value).startswith(text)
    assert "'numpy'" in str(error.value).partition("installed are")[2]


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        (((4,), (3,)), "shapes (4,) and (3,) do not go together; give each 2 or 3 positive sizes"),
        (((4, 4), (3, 3, 3)), "shapes (4, 4) and (3, 3, 3) do not go together; give each 2 or 3 positive sizes"),
        (((4, 0), (3, 3)), "shapes (4, 0) and (3, 3) do not go together; give each 2 or 3 positive sizes"),
    ],
)
def test_shapes_that_do_not_go_together_cannot_be_planned_for(shapes, text):
    with pytest.raises(rlcore.InputError) as error:
        no_camera.make_plan(*shapes, backend="numpy")
    assert str(error.value) == text


def test_a_plan_made_for_something_else_is_refused():
    plan = no_camera.make_plan((12, 12), (5, 6), iterations=15, backend="numpy")
    assert refused(plan=plan).startswith("plan is for geometry Geometry(image_shape=(12, 12)")
    plan = no_camera.make_plan((12, 13), (5, 6), iterations=3, backend="numpy")
    assert refused(plan=plan) == "plan is for iterations 3, not 15; make one for this run"


@pytest.mark.parametrize("bad", [{"image": with_nan((12, 13), (0, 0))}, {"iterations": 0}, {"memory": 5}])
def test_nothing_is_written_when_something_is_wrong(bad):
    out = np.full((12, 13), 3, np.float32)
    with warnings.catch_warnings(), pytest.raises(rlcore.RLCoreError):
        no_camera.deconvolve(bad.pop("image", IMAGE), PSF, backend="numpy", out=out, **bad)
    np.testing.assert_array_equal(out, np.full((12, 13), 3))
