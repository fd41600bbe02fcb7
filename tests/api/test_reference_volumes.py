"""Volumes of other projects, with their own PSFs and their own defects; they lie beside the repository, if at all."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

import rlcore
from rlcore.optics.psf_on_grid import on_grid
from rlcore.testing import no_camera
from rlcore.testing.metrics import nrmse

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the folder shared/data is not beside the repository")


def read(name, *files):
    return [tifffile.imread(DATA / name / f"{file}.tif") for file in files]


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
@pytest.mark.parametrize(("iterations", "bound"), [(10, 0.93), (100, 0.775)])
def test_hollow_bars_come_near_their_truth(backend, iterations, bound):
    image, psf, truth = read("bars", "image", "psf", "truth")
    assert nrmse(no_camera.deconvolve(image, psf, iterations=iterations, backend=backend), truth) <= bound


def test_a_noisy_pollen_grain_with_negative_voxels_keeps_its_light():
    """Its PSF is as large as the image, so that light from all around may have entered: `periodic` keeps the sum."""
    image, psf = read("pollen", "image", "psf")
    below = int((image < 0).sum())
    for boundary in ("extended", "periodic"):
        with pytest.warns(rlcore.ImageWarning) as told:
            result = no_camera.deconvolve(image, psf, iterations=3, boundary=boundary)
        assert [str(one.message) for one in told] == [f"image has {below} negative voxels, which count as 0"]
        assert np.isfinite(result).all()
        assert result.min() >= 0
        light = np.maximum(image, 0).sum(dtype=np.float64)
        assert result.sum(dtype=np.float64) == pytest.approx(light, rel=1e-3 if boundary == "periodic" else 0.02)


def test_objects_behind_a_measured_psf_that_stands_on_a_pedestal():
    image, measured = read("rfi", "image", "psf")
    with pytest.warns(rlcore.PSFWarning, match="stands on a pedestal"):
        rlcore.prepare_psf(measured)
    psf = rlcore.prepare_psf(measured, background="auto", centre="peak")
    result = no_camera.deconvolve(image, psf, iterations=4, boundary="zero")
    assert np.isfinite(result).all()
    assert result.min() >= 0
    grid = tuple(n + p - 1 for n, p in zip(image.shape, psf.values.shape, strict=True))
    spectrum = np.fft.rfftn(result, grid, range(3)) * np.fft.rfftn(on_grid(psf, grid, np.float32))
    model = np.fft.irfftn(spectrum, grid, range(3))[tuple(slice(n) for n in image.shape)]
    assert model.sum(dtype=np.float64) == pytest.approx(image.sum(dtype=np.float64), rel=1e-3)
    assert result.max() > 2 * int(image.max())
