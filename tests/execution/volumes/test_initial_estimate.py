"""What a run starts from."""

import numpy as np
import pytest
from fixtures.every_parity import BACKENDS, plan_in_blocks, problem, restore

import rlcore
from rlcore.testing import no_camera
from rlcore.testing.metrics import i_divergence

BOUNDARIES = rlcore.BOUNDARIES


def own_start():
    """An estimate with dark voxels in it."""
    estimate = np.random.default_rng(3).gamma(1.0, 20.0, problem()[0].shape).astype(np.float32)
    estimate[:, 5:9] = 0
    return estimate


@pytest.mark.parametrize("start", ["image", "own"])
@pytest.mark.parametrize(("backend", "bound"), [("double", 1e-12), ("numpy", 2e-5), ("pyfftw", 2e-5)])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_blocks_equal_the_whole(start, backend, bound, boundary):
    backend = BACKENDS[backend]
    options = {"start": own_start() if start == "own" else start, "boundary": boundary, "iterations": 12}
    whole = restore(backend, **options)
    for half_steps in (1, 2, 6):
        plan = plan_in_blocks(backend, half_steps, iterations=12, boundary=boundary)
        assert np.abs(restore(backend, plan, **options) - whole).max() <= bound * whole.max()


def test_the_first_step_is_taken_from_it():
    image, psf = problem()
    own = own_start()
    for start, inside in (("image", np.maximum(image - 5.0, 0.01 * (image.mean() - 5.0))), (own, own)):
        _, info = no_camera.deconvolve(
            image, psf, iterations=1, start=start, boundary="zero", background=5.0, backend=BACKENDS["double"],
            return_info=True,
        )  # fmt: skip
        grid = tuple(n + p for n, p in zip(image.shape, psf.shape, strict=True))
        centred = np.roll(np.pad(psf / psf.sum(), [(0, n - p) for n, p in zip(grid, psf.shape, strict=True)]),
                          [-(p // 2) for p in psf.shape], (0, 1, 2))  # fmt: skip
        spectrum = np.fft.rfftn(np.pad(inside, [(0, p) for p in psf.shape])) * np.fft.rfftn(centred)
        blurred = np.fft.irfftn(spectrum, grid, axes=(0, 1, 2))[tuple(map(slice, image.shape))]
        assert info.divergence[0] == pytest.approx(i_divergence(image, np.maximum(blurred + 5.0, 1e-6)), rel=1e-6)


def test_around_the_image_it_starts_from_the_constant():
    image, _ = problem()
    constant = restore("numpy", iterations=4)
    mean = np.float32(image.mean(dtype=np.float64) - 5.0)
    np.testing.assert_allclose(restore("numpy", iterations=4, start=np.full_like(image, mean)), constant, rtol=1e-5)


@pytest.mark.parametrize("boundary", ["zero", "periodic"])
def test_plain_iterations_go_on_as_if_they_had_never_stopped(boundary):
    options = {"acceleration": "none", "boundary": boundary}
    halfway = restore("numpy", iterations=5, **options)
    gone_on = restore("numpy", iterations=7, start=halfway, **options)
    never = restore("numpy", iterations=12, **options)
    assert np.abs(gone_on - never).max() <= 1e-6 * never.max()


def test_it_goes_with_finding_the_number_and_with_a_checkpoint(tmp_path):
    options = {"start": own_start(), "iterations": "auto", "gain": 1, "return_info": True}
    result, info = restore("numpy", **options)
    again, told = restore("numpy", checkpoint=tmp_path / "state", **options)
    assert told.iterations == info.iterations
    np.testing.assert_allclose(again, result, rtol=1e-5, atol=1e-5 * result.max())
    with pytest.raises(rlcore.Cancelled):
        restore("numpy", start=own_start(), checkpoint=tmp_path / "state", callback=lambda _: False)
    with pytest.raises(rlcore.CheckpointError, match="other start"):
        restore("numpy", start="image", checkpoint=tmp_path / "state")


def test_dark_voxels_of_an_own_start_stay_dark_and_those_of_the_image_do_not():
    image, psf = problem()
    image = image.copy()
    image[:, :6] = 0
    own = np.where(image > 0, np.float32(9), np.float32(0))
    dark = no_camera.deconvolve(image, psf, iterations=3, start=own, acceleration="none", backend="numpy")
    assert np.all(dark[own == 0] == 0)
    lit = no_camera.deconvolve(image, psf, iterations=1, start="image", backend="numpy")[:, 5] > 0
    assert lit.mean() > 0.9


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("middle", "start 'middle' is unknown; choose 'constant' or 'image', or give an array"),
        (np.ones((3, 3, 3)), "start has shape (3, 3, 3); it must have the image's, (18, 30, 26)"),
        (np.full((18, 30, 26), np.nan), "start has 14040 voxels that are NaN or infinite, the first at (0, 0, 0)"),
        (np.full((18, 30, 26), -1.0), "start has 14040 negative voxels, as no estimate has; raise them to 0"),
        (np.zeros((18, 30, 26)), "start is 0 throughout, and would stay so; give one with light in it"),
    ],
)
def test_what_cannot_be_started_from_is_refused(start, message):
    with pytest.raises(rlcore.InputError) as refused:
        restore("numpy", start=start)
    assert str(refused.value).startswith(message)
