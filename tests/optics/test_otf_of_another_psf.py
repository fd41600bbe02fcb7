"""A kept spectrum serves only the very PSF, backend and block that it was made of."""

import numpy as np
import pytest
from fixtures.scenes import counts, random_psf

import rlcore
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.optics.otf import one_otf
from rlcore.testing import no_camera

IMAGE = counts((8, 20, 22))
MADE = random_psf((5, 5, 5), (2, 2, 2))
OTHERS = {
    "centre": rlcore.PSF(MADE.values, (1, 2, 3)),
    "values": rlcore.PSF(MADE.values[::-1].copy(), MADE.centre),
    "nothing": rlcore.PSF(MADE.values.copy(), MADE.centre),
}
"""What a PSF differs in from the one before."""


def restore(psf, image=IMAGE, backend="numpy"):
    return no_camera.deconvolve(image, psf, iterations=3, backend=backend)


@pytest.mark.parametrize("what", OTHERS)
def test_a_run_after_one_with_another_psf_gives_what_it_gives_alone(what):
    backend = NumPyBackend()
    alone = restore(OTHERS[what], backend=backend)
    with one_otf():
        first = restore(MADE, backend=backend)
        np.testing.assert_array_equal(restore(OTHERS[what], backend=backend), alone)
        np.testing.assert_array_equal(restore(MADE, backend=backend), first)
    assert (alone == first).all() == (what == "nothing")


def test_a_run_on_another_backend_or_of_another_shape_gives_what_it_gives_alone():
    double, single = NumPyBackend(dtype="float64"), NumPyBackend()
    alone = restore(MADE, backend=double), restore(MADE, IMAGE[:, :12], double)
    with one_otf():
        restore(MADE, backend=single)
        np.testing.assert_array_equal(restore(MADE, backend=double), alone[0])
        np.testing.assert_array_equal(restore(MADE, IMAGE[:, :12], double), alone[1])
