"""RedLionfish's functions on what a microscope recorded: shapes and types of its image, places of beads by its PSF.

In a process of their own: what large arrays leave behind in a process is seen by later tests that measure its memory.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "rfi"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder shared/data is not beside the repository")

FUNCTIONS = {
    "doRLDeconvolutionFromNpArrays": {"method": "cpu"},
    "doRLDeconvolution_DL2_4": {},
    "nonBlock_RLDeconvolutionReiknaOCL": {},
    "block_RLDeconv3DReiknaOCL": {},
}

BEGIN = """
import json, sys
import numpy as np, tifffile
from scipy.signal import fftconvolve
import rlcore.compat.redlionfish as rl
function, options, folder = getattr(rl, sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
psf = tifffile.imread(folder + "/psf.tif")
"""
IMAGE = """
image = tifffile.imread(folder + "/image.tif")
restored = function(image, psf, niter=2, **options)
print(json.dumps([image.shape, restored.shape, restored.dtype.name, bool(np.isfinite(restored).all())]))
"""
BEADS = """
places = [(30, 26, 30), (60, 64, 28), (66, 30, 66), (34, 68, 68)]
scene = np.full((96, 96, 96), 5.0)
for place in places:
    scene[place] = 1e6
around = np.pad(scene, [(p, p) for p in psf.shape], mode="edge")
full = fftconvolve(around, psf / psf.sum(dtype=float))
image = full[tuple(slice(p + p // 2, p + p // 2 + 96) for p in psf.shape)]
restored = function(image.astype(np.float32), psf, niter=100, **options)
found = []
for place in places:
    part = restored[tuple(slice(at - 6, at + 7) for at in place)].astype(float)
    part = np.maximum(part - part.max() / 3, 0)
    sums = [part.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    found.append([float(line @ np.arange(-6, 7) / line.sum()) for line in sums])
print(json.dumps(found))
"""


def told(program, name):
    words = [sys.executable, "-W", "ignore", "-c", BEGIN + program, name, json.dumps(FUNCTIONS[name]), str(FOLDER)]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"RLCORE_BACKEND": "pyfftw"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_image_comes_back_in_its_shape(name):
    given, shape, dtype, finite = told(IMAGE, name)
    assert shape == given
    assert dtype == "float32"
    assert finite


@pytest.mark.parametrize("name", ["doRLDeconvolutionFromNpArrays", "block_RLDeconv3DReiknaOCL"])
def test_beads_lie_where_they_belong(name):
    """Within 0.05 voxel, though the PSF is of even length along two axes and not symmetric along any; the centre of
    what is brighter than a third of a bead, after as many iterations as beads above one another take to come apart."""
    assert np.abs(told(BEADS, name)).max() <= 0.05
