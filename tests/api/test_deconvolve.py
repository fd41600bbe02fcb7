"""The front door against truth: a slow direct sum, double precision, and objects that are known."""

import itertools
from dataclasses import replace

import array_api_compat.numpy
import numpy as np
import pytest
from fixtures import reference
from fixtures.examples import examples
from fixtures.scenes import blurred, cell, counts, error, gaussian, random_psf, rms
from hypothesis import given
from hypothesis import strategies as st

import rlcore
from rlcore.backend import Facts, Summary
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.errors import OutOfMemory
from rlcore.testing import no_camera

NAMES = ["numpy", "pyfftw"]
DOUBLE = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")


@st.composite
def problems(draw):
    """Images and PSFs of every parity, on 2 or 3 axes, small enough for direct sums; centres anywhere."""
    ndim = draw(st.integers(2, 3))
    shape = draw(st.tuples(*[st.integers(1, 12 if ndim == 2 else 7)] * ndim))
    psf_shape = draw(st.tuples(*[st.integers(1, 9 if ndim == 2 else 5)] * ndim))
    centre = draw(st.tuples(*(st.integers(0, p - 1) for p in psf_shape)))
    return shape, random_psf(psf_shape, centre, draw(st.integers(0, 99))), draw(st.integers(0, 99))


@examples(40)
@given(problem=problems(), boundary=st.sampled_from(rlcore.BOUNDARIES), background=st.sampled_from((0.0, 2.5)))
def test_it_is_the_direct_sum(problem, boundary, background):
    shape, psf, seed = problem
    options = {"iterations": 7, "boundary": boundary, "background": background}
    plain = options | {"acceleration": "none"}
    image = counts(shape, seed)
    truth = reference.restore(image, psf.values, psf.centre, **options)
    assert error(no_camera.deconvolve(image, psf, backend=DOUBLE, **plain), truth) <= 1e-11
    for name in NAMES:
        assert error(no_camera.deconvolve(image, psf, backend=name, **plain), truth) <= 1e-5


@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
def test_it_is_the_direct_sum_after_many_iterations_with_negative_voxels_and_empty_regions(boundary):
    psf, image = gaussian((5, 4)), counts((14, 17))
    image[:, :5] = 0
    image[3, 3:9] = -2
    truth = reference.restore(image, psf, (2, 2), boundary, 100)
    options = {"iterations": 100, "acceleration": "none", "boundary": boundary}
    with pytest.warns(rlcore.ImageWarning, match="image has 6 negative voxels, which count as 0"):
        result = no_camera.deconvolve(image, psf, backend=DOUBLE, **options)
    assert error(result, truth) <= 1e-10


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize(("iterations", "bound"), [(20, 1e-5), (100, 3e-5)])
def test_single_precision_agrees_with_double(name, boundary, iterations, bound):
    scene = cell()
    options = {"iterations": iterations, "acceleration": "none", "boundary": boundary, "background": 4.0}
    truth = no_camera.deconvolve(scene.image, scene.psf, backend=DOUBLE, **options)
    assert error(no_camera.deconvolve(scene.image, scene.psf, backend=name, **options), truth) <= bound


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scaling_the_data_scales_the_result(name, boundary, factor):
    scene = cell()
    options = {"iterations": 50, "acceleration": "none", "boundary": boundary, "backend": name}
    plain = no_camera.deconvolve(scene.image, scene.psf, background=4.0, **options)
    scaled = no_camera.deconvolve(scene.image * np.float32(factor), scene.psf, background=4.0 * factor, **options)
    assert rms(scaled / factor - plain) <= 2e-6 * rms(plain)


CONSTANT = [
    *(((16, 17), psf) for psf in itertools.product((4, 5), repeat=2)),
    *(((8, 9, 10), psf) for psf in itertools.product((4, 5), repeat=3)),
    ((8, 9), (21, 24)),
    ((6, 7, 5), (13, 16, 11)),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", ["extended", "periodic"])
@pytest.mark.parametrize(("shape", "psf_shape"), CONSTANT, ids=str)
def test_a_constant_image_stays_constant_up_to_its_borders(name, boundary, shape, psf_shape):
    image = np.full(shape, 7, np.float32)
    for psf in (rlcore.prepare_psf(gaussian(psf_shape)), random_psf(psf_shape, tuple(p // 3 for p in psf_shape))):
        result = no_camera.deconvolve(image, psf, iterations=100, boundary=boundary, backend=name)
        np.testing.assert_allclose(result, 7, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize("psf_shape", [*itertools.product((8, 9), repeat=2), (8, 9, 8), (9, 8, 9)], ids=str)
def test_a_bead_stays_where_it_is(name, boundary, psf_shape):
    shape = (25, 24, 24)[-len(psf_shape) :]
    bead = np.zeros(shape)
    place = tuple(n // 2 for n in shape)
    bead[place] = 1000
    psf = rlcore.prepare_psf(gaussian(psf_shape))
    result = no_camera.deconvolve(blurred(bead, psf), psf, iterations=100, boundary=boundary, backend=name)
    mass = result.astype(np.float64) / result.sum(dtype=np.float64)
    for axis, (size, at) in enumerate(zip(shape, place, strict=True)):
        assert np.moveaxis(mass, axis, -1).sum(axis=tuple(range(len(shape) - 1))) @ np.arange(size) == pytest.approx(
            at, abs=0.02
        )
    assert result.max() > 850


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", ["extended", "zero"])
def test_the_grid_of_the_transform_does_not_show(name, boundary):
    scene = cell((14, 24, 27), (5, 6, 7))
    options = {"iterations": 20, "boundary": boundary, "backend": name}
    plan = no_camera.make_plan(scene.image.shape, scene.psf.shape, **options)
    least = plan.geometry.minimum_shape
    tight = no_camera.deconvolve(scene.image, scene.psf, plan=replace(plan, block_shape=least), **options)
    for spare in ((0, 1, 0), (5, 2, 3), (31, 40, 37)):
        shape = tuple(n + s for n, s in zip(least, spare, strict=True))
        roomy = no_camera.deconvolve(scene.image, scene.psf, plan=replace(plan, block_shape=shape), **options)
        assert error(roomy, tight) <= 5e-6


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", ">f4", "bool"])
def test_any_real_type_in_and_float32_out_and_the_image_is_not_changed(dtype):
    image = (counts((12, 13)) % 7).astype(dtype)
    before = image.copy()
    result = no_camera.deconvolve(image, gaussian((5, 5)), backend="numpy")
    assert result.dtype == np.float32
    assert result.shape == image.shape
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(image, before)
    same = no_camera.deconvolve(image.astype(np.float32), gaussian((5, 5)), backend="numpy")
    np.testing.assert_array_equal(result, same)


def test_layout_and_nested_lists_do_not_matter():
    image, psf = counts((12, 13)), gaussian((5, 6))
    plain = no_camera.deconvolve(image, psf, backend="numpy")
    for other in (np.asfortranarray(image), image.repeat(2, axis=1)[:, ::2], image.tolist()):
        np.testing.assert_array_equal(no_camera.deconvolve(other, psf.tolist(), backend="numpy"), plain)


def test_an_image_of_zeros_stays_zero():
    for boundary in rlcore.BOUNDARIES:
        result = no_camera.deconvolve(np.zeros((9, 9)), gaussian((5, 5)), boundary=boundary, backend="numpy")
        np.testing.assert_array_equal(result, np.zeros((9, 9)))


class TightCard(NumPyBackend):
    """A device with memory of its own that takes no image, or block, of more than so many voxels."""

    def __init__(self, most):
        super().__init__()
        self.facts, self.most = Facts(on_host=False), most

    def free_bytes(self):
        return 1 << 40

    def summary(self, array):
        return Summary(float(array.min()), float(array.max()), float(array.sum(dtype=np.float64)))

    def read(self, volume, start, shape, *, wrap=False, out=None):
        if np.prod(shape) > self.most:
            raise OutOfMemory(f"no room for {shape}")
        return super().read(volume, start, shape, wrap=wrap, out=out)

    def upload(self, volume):
        if volume.size > self.most:
            raise OutOfMemory(f"no room for {volume.shape}")
        return super().upload(volume)


def test_an_image_that_the_device_has_no_room_for_is_opened_by_a_smaller_plan():
    image, psf = np.random.default_rng(0).random((40, 120, 120), np.float32) + 1, np.ones((3, 3, 3))
    whole = no_camera.deconvolve(image, psf, iterations=2, backend="numpy")
    with pytest.warns(rlcore.ReplanWarning, match=r"no room for .*; starting by a smaller plan: \d+ blocks"):
        blocks = no_camera.deconvolve(image, psf, iterations=2, backend=TightCard(400_000))
    np.testing.assert_allclose(blocks, whole, atol=1e-5 * whole.max())


def test_an_auto_run_that_plans_again_on_opening_goes_to_no_disk():
    """It has no checkpoint, so its working volumes need no files, however often it plans."""
    image, psf = np.random.default_rng(0).poisson(20, (40, 170, 170)).astype(np.float32), np.ones((3, 3, 3))
    options = {"iterations": "auto", "gain": 1, "memory": "40 MiB"}
    plan = no_camera.make_plan(image.shape, psf.shape, iterations="auto", memory="40 MiB", backend=TightCard(1_100_000))
    assert (plan.placement, plan.is_whole) == ("device", False)
    with pytest.warns(rlcore.ReplanWarning, match="no room for") as said:
        no_camera.deconvolve(image, psf, backend=TightCard(1_100_000), **options)
    texts = [str(warning.message) for warning in said if warning.category is rlcore.ReplanWarning]
    assert any("starting by a smaller plan" in text for text in texts)
    assert not any("scratch files" in text or "of disk" in text for text in texts)
