"""The divergence that photon noise leaves, and the light of an object, against simulated counts."""

import numpy as np
import pytest

from rlcore.algorithm.photon_noise import expected_divergence, noise_level, object_photons
from rlcore.testing.metrics import i_divergence
from rlcore.testing.optics import confocal_psf
from rlcore.testing.phantoms import phantom


@pytest.mark.parametrize("mean", [1e-3, 0.03, 0.4, 1.5, 5.0, 40.0, 59.0, 61.0, 1e4])
def test_the_divergence_of_poisson_counts_is_that_of_simulated_ones(mean):
    size = 400_000 if mean > 0.01 else 2_000_000
    rng, sums = np.random.default_rng(1), []
    for _ in range(size // 400_000):
        counts = rng.poisson(mean, 400_000).astype(float)
        sums.append(i_divergence(counts, np.full(counts.shape, mean)))
    spread = 5 * np.sqrt((0.5 + abs(mean * np.log(mean) ** 2 if mean < 1 else 0.5)) / size)
    assert float(expected_divergence(np.array(mean))) == pytest.approx(np.mean(sums), abs=spread)


def test_no_light_leaves_nothing_and_a_constant_half_is_the_limit():
    assert expected_divergence(np.array([0.0, 1e12])) == pytest.approx([0.0, 0.5])


@pytest.mark.parametrize("photons", [3, 60, 1000])
@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.46, 0.0), (2.2, 100.0)])
def test_the_level_is_that_of_a_perfect_model_in_the_images_units(photons, gain, offset):
    made = phantom("filaments", (16, 48, 48), psf=confocal_psf((11, 11, 11)), photons=photons, background=0.3)
    image, model = gain * made.image.astype(float) + offset, gain * made.expected.astype(float) + offset
    truth = i_divergence(image, model)
    assert noise_level(image, gain, pedestal=offset) == pytest.approx(truth, rel=0.06)


def test_the_light_of_an_object_depends_on_neither_noise_nor_units_nor_empty_surroundings():
    made = phantom("filaments", (24, 64, 64), psf=confocal_psf((11, 11, 11)), photons=20, background=2.0)
    light = made.expected.astype(float) - made.background
    truth = float((light**2).sum() / light.sum())
    image = 0.7 * made.image.astype(float) + 90
    known = {"offset": 90.0, "background": 0.7 * 2.0}
    assert object_photons(image, 0.7, **known) == pytest.approx(truth, rel=0.05)
    empty = 0.7 * np.random.default_rng(2).poisson(2.0, image.shape) + 90
    assert object_photons(np.concatenate([image, empty]), 0.7, **known) == pytest.approx(truth, rel=0.08)
    assert object_photons(np.zeros((3, 4, 4)), 1.0) == 0
