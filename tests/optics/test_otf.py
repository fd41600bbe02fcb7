"""The transfer spectrum is made once for runs that share a PSF, and never two are held."""

import numpy as np
import pytest
from fixtures.doubles import CountingBackend
from fixtures.scenes import gaussian

from rlcore.optics.otf import one_otf
from rlcore.testing import no_camera

IMAGE = np.random.default_rng(0).poisson(20, (8, 20, 22)).astype(np.float32)
NARROW, WIDE = gaussian((5, 5, 5)), gaussian((5, 7, 7))


class Watched(CountingBackend):
    """Counts forward transforms."""

    def __init__(self):
        super().__init__()
        self.forward = 0

    def fft(self, array, *, out=None):
        self.forward += 1
        return super().fft(array, out=out)


def restore(backend, psf, **options):
    return no_camera.deconvolve(IMAGE, psf, iterations=2, acceleration="none", backend=backend, **options)


def spent(backend, psf, **options):
    before = backend.forward
    restore(backend, psf, **options)
    return backend.forward - before


def test_the_next_run_with_the_same_psf_makes_none():
    backend = Watched()
    alone = spent(backend, NARROW)
    with one_otf():
        assert spent(backend, NARROW) == alone
        iterations = spent(backend, NARROW.copy())
        assert iterations < alone
        assert spent(backend, WIDE) == alone
        assert spent(backend, WIDE) == iterations
        assert spent(backend, NARROW) == alone
        assert spent(Watched(), NARROW) == alone
    assert spent(backend, NARROW) == alone


@pytest.mark.parametrize("psf", [NARROW, WIDE])
def test_results_have_the_same_bits(psf):
    expected = restore(Watched(), psf)
    backend = Watched()
    with one_otf():
        for _ in range(2):
            np.testing.assert_array_equal(restore(backend, psf), expected)


def test_no_more_spectra_are_held_than_by_one_run():
    alone, several = Watched(), Watched()
    restore(alone, NARROW)
    with one_otf():
        for psf in (NARROW, NARROW, WIDE, NARROW):
            restore(several, psf)
    assert several.most == alone.most
