import numpy as np
import pytest

from rlcore.errors import InputError
from rlcore.testing.metrics import i_divergence
from rlcore.testing.optics import confocal_psf
from rlcore.testing.phantoms import beads, cells, filaments, phantom, shells

KINDS = ["mixed", "filaments", "shells", "beads"]
FRAME = (20, 48, 44)


@pytest.mark.parametrize("draw", [cells, filaments, shells, beads])
@pytest.mark.parametrize("shape", [FRAME, (60, 70)])
def test_objects_are_seeded_non_negative_and_sparse(draw, shape):
    once = draw(shape, 4)
    assert once.shape == shape
    assert once.dtype == np.float32
    assert once.min() >= 0
    assert np.mean(once < 0.2 * once.max()) > 0.5
    np.testing.assert_array_equal(once, draw(shape, 4))
    assert np.any(once != draw(shape, 5))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [FRAME, (48, 60)])
def test_a_phantom_is_what_it_says(kind, shape):
    seen = phantom(kind, shape, photons=300, background=7, seed=2)
    for volume in (seen.truth, seen.expected, seen.image):
        assert volume.shape == shape
        assert volume.dtype == np.float32
    assert seen.expected.max() == pytest.approx(307, rel=1e-5)
    assert seen.expected.min() >= 7
    assert (seen.photons, seen.background) == (300, 7)
    np.testing.assert_array_equal(seen.image, np.round(seen.image))
    np.testing.assert_array_equal(seen.image, phantom(kind, shape, photons=300, background=7, seed=2).image)


def test_the_noise_is_poisson():
    seen = phantom("mixed", FRAME, photons=200, background=20)
    deviation = (seen.image - seen.expected) / np.sqrt(seen.expected)
    assert deviation.mean() == pytest.approx(0, abs=0.02)
    assert deviation.var() == pytest.approx(1, abs=0.02)
    assert i_divergence(seen.image, seen.expected) == pytest.approx(0.5, abs=0.02)


def test_another_noise_level_shows_the_same_object():
    dim, bright = phantom("shells", FRAME, photons=60), phantom("shells", FRAME, photons=1200)
    np.testing.assert_allclose(20 * dim.truth, bright.truth, rtol=1e-5)
    assert np.any(phantom("shells", FRAME, photons=60, seed=1).truth != dim.truth)


@pytest.mark.parametrize("size", [(5, 7, 6), (4, 5, 5)])
def test_the_image_is_the_linear_convolution_of_the_truth_where_the_frame_holds_all_of_it(size):
    psf = np.random.default_rng(0).random(size) + 0.1
    psf[tuple(n // 2 for n in size)] = 20
    psf[[0, -1]] = psf[:, [0, -1]] = psf[:, :, [0, -1]] = 0
    seen = phantom("filaments", FRAME, psf=psf, background=3)
    psf = psf / psf.sum()
    direct = np.zeros(FRAME)
    for index in np.ndindex(size):
        direct += psf[index] * np.roll(seen.truth, [i - n // 2 for i, n in zip(index, size, strict=True)], (0, 1, 2))
    inner = tuple(slice(n, -n) for n in size)
    np.testing.assert_allclose(seen.expected[inner], direct[inner] + 3, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_light_crosses_the_border(kind):
    """The content of the frame explains less light than is seen at its edge."""
    seen = phantom(kind, FRAME, background=0, seed=1)
    grid = tuple(n + p - 1 for n, p in zip(FRAME, seen.psf.shape, strict=True))
    spectrum = np.fft.rfftn(seen.truth, grid, axes=(0, 1, 2)) * np.fft.rfftn(seen.psf, grid, axes=(0, 1, 2))
    blurred = np.fft.irfftn(spectrum, grid, axes=(0, 1, 2))
    own = blurred[tuple(slice(p // 2, p // 2 + n) for n, p in zip(FRAME, seen.psf.shape, strict=True))]
    from_outside = seen.expected - own
    assert from_outside.min() > -1e-3 * seen.photons
    edge = np.ones(FRAME, dtype=bool)
    edge[2:-2, 2:-2, 2:-2] = False
    assert from_outside[edge].sum() > 0.05 * seen.expected[edge].sum()


def test_another_psf_is_taken():
    psf = confocal_psf((9, 9, 9))
    np.testing.assert_allclose(phantom("beads", FRAME, psf=psf).psf, psf, rtol=1e-12)


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="phantom 'tubes' is not known; choose one of mixed, filaments, shells, beads"):
        phantom("tubes")
