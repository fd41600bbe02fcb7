"""Doubts about a run: each where it is due, and none where it is not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from fixtures.scenes import gaussian

from rlcore.algorithm.photon_noise import noise_level
from rlcore.api.doubts import is_compact, offset_left_in, over_iterated, swapped, unexplained
from rlcore.optics import Microscope, generate_psf
from rlcore.testing import no_camera
from rlcore.testing.optics import confocal_psf, wide_field_psf
from rlcore.testing.phantoms import phantom

KINDS = ("mixed", "filaments", "shells", "beads")
PSFS = {
    "wide field": wide_field_psf((21, 25, 25)),
    "confocal": confocal_psf((11, 13, 13)),
    "gaussian": gaussian((15, 15, 15), 2.0),
    "box": np.ones((1, 1, 1)),
    "aberrated": generate_psf(
        Microscope(na=1.3, wavelength=0.58, index=1.515, sample_index=1.33, depth=10), (31, 31, 31), (0.2, 0.1, 0.1)
    ),
}


def noisy(psf):
    return np.random.default_rng(3).poisson(200 * psf / psf.max() + 4).astype(float)


@pytest.mark.parametrize("psf", PSFS.values(), ids=PSFS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("photons", [8, 300])
def test_an_image_and_a_psf_in_each_others_place_are_found(kind, psf, photons):
    image = phantom(kind, (24, 64, 64), photons=photons, seed=4).image
    if psf.size > 1:
        assert "give the image first and the psf second" in swapped(noisy(psf), image)
    assert swapped(image, psf) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_psf_larger_than_the_image_is_not_swapped(kind):
    image = phantom(kind, (8, 16, 16), seed=4).image
    for psf in (PSFS["wide field"], noisy(PSFS["wide field"]), noisy(wide_field_psf((15, 31, 31)))):
        assert swapped(image, psf) is None


def test_an_image_of_one_plane_too():
    image = phantom("filaments", (64, 64), seed=4).image
    psf = gaussian((17, 17), 2.0)
    assert swapped(psf, image)
    assert swapped(image, psf) is None
    assert is_compact(psf)
    assert not is_compact(image)


def test_a_large_image_is_not_read():
    class Unread:
        shape = (1000, 1000, 1000)

    assert swapped(Unread(), PSFS["confocal"]) is None


@dataclass
class Known:
    offset: float
    read_noise: float = 0.0


def test_an_offset_that_counts_as_light_is_said_with_what_to_give():
    said = offset_left_in(Known(100.0, 1.6), offset=0.0, mean=120.0)
    assert said.endswith("; give offset=100, or leave it out to have it estimated")
    assert "where its noise is 1.6 only" in said
    assert "noise" not in offset_left_in(Known(100.0), offset=0.0, mean=120.0)


@pytest.mark.parametrize(("true", "offset", "mean"), [(0.0, 0.0, 20.0), (100.0, 100.0, 101.0), (100.0, 99.0, 120.0)])
def test_an_offset_that_was_subtracted_or_never_was_there_gives_no_word(true, offset, mean):
    assert offset_left_in(Known(true), offset=offset, mean=mean) is None


def restored(made, gain, iterations, **options):
    _, info = no_camera.deconvolve(
        gain * made.image, made.psf, iterations=iterations, background=gain * made.background, backend="pyfftw",
        return_info=True, **options,
    )  # fmt: skip
    return info, noise_level(gain * made.image, gain)


@pytest.mark.parametrize("kind", ["filaments", "mixed"])
@pytest.mark.parametrize(("photons", "right", "many"), [(15, 8, 45), (300, 15, 70)])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_iterations_that_fit_noise_are_said_in_any_unit(kind, photons, right, many, gain):
    made = phantom(kind, (20, 56, 56), psf=confocal_psf((13, 15, 15)), photons=photons, seed=8)
    info, level = restored(made, gain, many)
    assert "iterations, and the others fit noise; give iterations 'auto', or fewer" in over_iterated(info, level)
    assert over_iterated(info, level, "tv") is None
    assert over_iterated(replace(info, held_out=(1.0,)), level) is None
    assert over_iterated(*restored(made, gain, right)) is None


def test_plain_steps_may_be_the_square_of_accelerated_ones():
    made = phantom("filaments", (20, 56, 56), psf=confocal_psf((13, 15, 15)), photons=60, seed=8)
    assert over_iterated(*restored(made, 1.0, 30, acceleration="none")) is None


def test_a_history_that_begins_late_tells_nothing():
    made = phantom("filaments", (20, 56, 56), psf=confocal_psf((13, 15, 15)), photons=60, seed=8)
    info, level = restored(made, 1.0, 50)
    late = replace(info, divergence=(None,) * 12 + info.divergence[12:])
    assert over_iterated(info, level)
    assert over_iterated(late, level) is None


@pytest.mark.parametrize("kind", ["filaments", "mixed", "beads"])
@pytest.mark.parametrize("photons", [15, 300, 3000])
def test_an_image_that_the_psf_explains_gives_no_word(kind, photons):
    made = phantom(kind, (20, 56, 56), psf=confocal_psf((13, 15, 15)), photons=photons, seed=8)
    assert unexplained(*restored(made, 1.0, "auto")) is None


@pytest.mark.parametrize("kind", ["filaments", "mixed"])
def test_a_psf_that_explains_too_little_is_said(kind):
    made = phantom(kind, (20, 56, 56), psf=confocal_psf((13, 15, 15)), photons=1000, seed=8)
    wide = np.exp(-sum((axis / 4.0) ** 2 for axis in np.ogrid[-6:7, -7:8, -7:8]) / 2)
    with pytest.warns() as told:  # the PSF ends too early as well
        info, level = restored(replace(made, psf=wide), 1.0, "auto")
    assert any("the psf is probably not that of the microscope" in str(each.message) for each in told)
    assert "times as much of the image unexplained as photon noise" in unexplained(info, level)
