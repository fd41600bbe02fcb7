"""Coins are tossed anew for every iteration, and the seed is that of every coin there is."""

import pytest
from fixtures.scenes import counts, error, gaussian

from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera

IMAGE, PSF = counts((12, 20, 22)), gaussian((5, 5, 5))
WRAPPED = {"acceleration": "none", "boundary": "periodic", "backend": NumPyBackend(dtype="float64")}
"""All of a state is the estimate on the image, so that a run can be continued by its result."""


def twice(**options):
    """Two iterations of a run; and the first iteration of a run, of what the first iteration of another has made."""
    first = no_camera.deconvolve(IMAGE, PSF, iterations=1, **WRAPPED, **options)
    again = no_camera.deconvolve(IMAGE, PSF, iterations=1, start=first, **WRAPPED, **options)
    return no_camera.deconvolve(IMAGE, PSF, iterations=2, **WRAPPED, **options), again


def test_the_second_iteration_splits_the_counts_otherwise_than_the_first():
    together, again = twice(regularization="consensus")
    assert error(again, together) > 1e-3


@pytest.mark.parametrize("regularization", ["none", "tv"])
def test_the_second_iteration_is_the_first_over_again_where_no_coin_is_tossed(regularization):
    """So what differs with consensus is the coins alone."""
    together, again = twice(regularization=regularization)
    assert error(again, together) <= 1e-12


class Noting(NumPyBackend):
    """Notes by what key, and which half of the counts, it was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def halve(self, image, key, start, shape, *, second):
        self.asked.append((key, second))
        return super().halve(image, key, start, shape, second=second)


def test_every_iteration_has_a_key_of_its_own_for_both_halves():
    backend = Noting()
    no_camera.deconvolve(IMAGE, PSF, iterations=6, regularization="consensus", backend=backend)
    keys = [key for key, _ in backend.asked]
    assert [second for _, second in backend.asked] == [False, True] * 6
    assert keys[::2] == keys[1::2]
    assert len(set(keys)) == 6


def test_the_seed_chooses_which_photons_are_held_out():
    def held_out(seed):
        options = {"iterations": "auto", "gain": 1, "backend": "numpy", "return_info": True}
        return no_camera.deconvolve(IMAGE, PSF, seed=seed, **options)[1].held_out

    first = held_out(1)
    assert held_out(1) == first
    assert held_out(2)[0] != first[0]
