"""RedLionfish's functions on what a microscope recorded: shapes and types of its image, places of beads by its PSF."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.signal import fftconvolve

import rlcore.compat.redlionfish as rl

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "rfi"
pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder shared/data is not beside the repository"),
    pytest.mark.filterwarnings("ignore::rlcore.psf.PSFWarning"),
]

FUNCTIONS = {
    "doRLDeconvolutionFromNpArrays": {"method": "cpu"},
    "doRLDeconvolution_DL2_4": {},
    "nonBlock_RLDeconvolutionReiknaOCL": {},
    "block_RLDeconv3DReiknaOCL": {},
}
PLACES = [(30, 26, 30), (60, 64, 28), (66, 30, 66), (34, 68, 68)]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("RLCORE_BACKEND", "pyfftw")


@pytest.fixture(scope="module")
def psf():
    return tifffile.imread(FOLDER / "psf.tif")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_image_comes_back_in_its_shape(psf, name):
    image = tifffile.imread(FOLDER / "image.tif")
    restored = getattr(rl, name)(image, psf, niter=2, **FUNCTIONS[name])
    assert restored.shape == image.shape
    assert restored.dtype == np.float32
    assert np.isfinite(restored).all()


@pytest.mark.parametrize("name", ["doRLDeconvolutionFromNpArrays", "block_RLDeconv3DReiknaOCL"])
def test_beads_lie_where_they_belong(psf, name):
    """Within 0.05 voxel, though the PSF is of even length along two axes and not symmetric along any; the centre of
    what is brighter than a third of a bead, after as many iterations as beads above one another take to come apart."""
    scene = np.full((96, 96, 96), 5.0)
    for place in PLACES:
        scene[place] = 1e6
    around = np.pad(scene, [(p, p) for p in psf.shape], mode="edge")
    full = fftconvolve(around, psf / psf.sum(dtype=float))
    image = full[tuple(slice(p + p // 2, p + p // 2 + 96) for p in psf.shape)]
    restored = getattr(rl, name)(image.astype(np.float32), psf, niter=100, **FUNCTIONS[name])
    for place in PLACES:
        part = restored[tuple(slice(at - 6, at + 7) for at in place)].astype(float)
        part = np.maximum(part - part.max() / 3, 0)
        found = [(part.sum(axis=tuple({0, 1, 2} - {axis})) @ np.arange(-6, 7)) / part.sum() for axis in range(3)]
        assert np.abs(found).max() <= 0.05, found
