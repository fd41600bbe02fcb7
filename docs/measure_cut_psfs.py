"""Measure what a PSF that is cut off costs: error of the best iteration, over that with the whole PSF.

python docs/measure_cut_psfs.py [--backend pyfftw]
"""

import argparse
import itertools
from dataclasses import replace

import numpy as np
from measure_acceleration import path

import rlcore
from rlcore.optics import Microscope, generate_psf
from rlcore.optics.edge import edge_share
from rlcore.testing.metrics import nrmse
from rlcore.testing.phantoms import phantom

VOXEL, WHOLE = (0.2, 0.1, 0.1), (41, 47, 47)
MICROSCOPES = {
    "wide field, NA 1.2": Microscope(na=1.2, index=1.33, wavelength=0.58),
    "confocal, NA 1.2": Microscope(na=1.2, index=1.33, wavelength=0.58, technique="confocal"),
}
CUBES = tuple((n, n, n) for n in (31, 21, 15, 11, 7, 5, 3))
BOXES = (*CUBES, (21, 31, 31), (7, 31, 31), (41, 7, 7))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="auto")
    backend = rlcore.load_backend(rlcore.choose_backend(parser.parse_args().backend).backend.name)
    print("| microscope | box | light on the outer shell | filaments | mixed |\n|---|---|---|---|---|")
    for name, microscope in MICROSCOPES.items():
        psf = generate_psf(microscope, WHOLE, VOXEL)
        made = [phantom(kind, (24, 64, 64), psf=psf, photons=200, seed=41) for kind in ("filaments", "mixed")]
        whole = [best(each, psf, backend) for each in made]
        for box in BOXES:
            cut = psf[tuple(slice(n // 2 - b // 2, n // 2 + b // 2 + 1) for n, b in zip(WHOLE, box, strict=True))]
            costs = [best(each, cut, backend) / error - 1 for each, error in zip(made, whole, strict=True)]
            size = " x ".join(map(str, box))
            said = " | ".join(f"{cost:+.0%}" for cost in costs)
            print(f"| {name} | {size} | {edge_share(cut):.1%} | {said} |", flush=True)


def best(made, psf, backend) -> float:
    """Smallest error of 40 accelerated iterations."""
    steps = path(replace(made, psf=psf), "heavy-ball", backend, background=made.background)
    return float(np.min([nrmse(estimate, made.truth) for estimate, _ in itertools.islice(steps, 40)]))


if __name__ == "__main__":
    main()
