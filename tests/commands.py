"""The program run in this process, on a small scene in files."""

import numpy as np
from click.testing import CliRunner
from scenes import cell

from rlcore.app.main import main

SCENE = cell((10, 24, 26), (5, 6, 6))
IMAGE, PSF = SCENE.image.astype(np.uint16), SCENE.psf.astype(np.float32)


def run(folder, *options, image="image.tif", psf="psf.tif", output="out.tif"):
    command = ["deconvolve", str(folder / image), str(folder / psf), "-o", str(folder / output)]
    return CliRunner().invoke(main, [*command, "-n", "5", "--backend", "numpy", *map(str, options)])
