"""Images of one plane with PSFs of several, where nothing lies outside: the light that leaves the plane is lost."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures import reference
from fixtures.scenes import counts, error, random_psf

from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera

DOUBLE = NumPyBackend(dtype="float64")
OPTIONS = {"iterations": 6, "acceleration": "none", "boundary": "zero", "backend": DOUBLE}


def truth(image, psf):
    """By the definition, with the whole of the PSF."""
    return reference.restore(image, psf.values, psf.centre, "zero", OPTIONS["iterations"])


@pytest.mark.parametrize(("shape", "centre"), [((5, 1, 1), (2, 0, 0)), ((4, 1, 1), (1, 0, 0)), ((5, 3, 3), (2, 1, 1))])
def test_what_of_the_psf_lies_beyond_the_image_weighs_as_lost_light(shape, centre):
    """Where the PSF extends along z alone, every voxel reaches the image through all that was left of the PSF."""
    image, psf = counts((1, 9, 10)), random_psf(shape, centre)
    assert error(no_camera.deconvolve(image, psf, **OPTIONS), truth(image, psf)) <= 1e-11


def test_a_row_and_a_column_of_pixels():
    for shape, psf in (((1, 12), random_psf((7, 1), (3, 0))), ((12, 1), random_psf((1, 7), (0, 3)))):
        image = counts(shape)
        assert error(no_camera.deconvolve(image, psf, **OPTIONS), truth(image, psf)) <= 1e-11


@pytest.mark.parametrize("half_steps", [1, 2])
def test_blocks_inside_the_image_lose_as_much_as_all_others(half_steps):
    image, psf = counts((1, 21, 24)), random_psf((5, 3, 3), (2, 1, 1))
    plan = no_camera.make_plan(image.shape, psf.values.shape, **OPTIONS)
    halo, keep = (0, 2, 2), (1, 7, 8)
    block = tuple(k + (h if half_steps == 1 else 2 * h) for k, h in zip(keep, halo, strict=True))
    plan = replace(
        plan, block_shape=block, core_shape=keep, halo=halo, half_steps=half_steps, placement="host", overlap=False
    )
    assert plan.tiling().counts == (1, 3, 3)
    assert error(no_camera.deconvolve(image, psf, plan=plan, **OPTIONS), truth(image, psf)) <= 1e-11
    np.testing.assert_allclose(no_camera.deconvolve(image, psf, **OPTIONS), truth(image, psf), rtol=1e-10)
