"""Measure the effect of regularization: distance from the truth along a run, and the time of an iteration.

    python docs/measure_regularization.py [quality] [light] [time] [--backend pyfftw]

`quality`: heavy ball on six of the phantoms of measure_acceleration.py, those of few photons and wide field or of many
and confocal; NRMSE inside the image. `light`: 27 phantoms of three objects, three PSFs and three levels of light, at
the best iteration of each way and at twice the best of a run without; NRMSE over that of a run without.
"""

import argparse
import itertools
import time

import numpy as np
from measure_acceleration import cases, path

import rlcore
from rlcore.algorithm.photon_noise import object_photons
from rlcore.algorithm.regularization import NO_PRIOR, Prior, tv_weight_for
from rlcore.optics import Microscope, generate_psf
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import confocal_psf
from rlcore.testing.phantoms import phantom

WAYS = {
    "none": {},
    "tv 0.002": {"regularization": "tv"},
    "tv 0.01": {"regularization": "tv", "tv_weight": 0.01},
    "consensus": {"regularization": "consensus"},
}
ITERATIONS = (15, 30, 60, 150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help="quality, light, time")
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    backend = rlcore.load_backend(rlcore.choose_backend(arguments.backend).backend.name)
    if "quality" in (arguments.tables or ["quality"]):
        quality(backend)
    if "light" in (arguments.tables or ["light"]):
        light(backend)
    if "time" in (arguments.tables or ["time"]):
        timing(backend)


def quality(backend) -> None:
    print(f"NRMSE after {', '.join(map(str, ITERATIONS))} iterations:")
    print(f"| case | {' | '.join(WAYS)} |\n|---|" + "---|" * len(WAYS))
    for name, made in cases():
        if ("wide" in name) != ("60" in name):
            continue
        told = []
        for options in WAYS.values():
            results = (
                rlcore.deconvolve(
                    made.image, made.psf, iterations=n, backend=backend, background=made.background, **options
                )
                for n in ITERATIONS
            )
            told.append(" ".join(f"{nrmse(result, made.truth):.3f}" for result in results))
        print(f"| {name} | {' | '.join(told)} |")


LONGEST = {8: 24, 60: 45, 1000: 75}
"""Iterations by photons at the brightest voxel: beyond the best of nearly all runs."""


def psfs():
    """The PSFs of `light`, by name."""
    water, fine = {"na": 1.2, "wavelength": 0.6, "index": 1.33}, (0.15, 0.07, 0.07)
    yield "wide field, NA 1.2", generate_psf(Microscope(**water), (17, 25, 25), (0.2, 0.1, 0.1))
    yield (
        "wide field, NA 0.8",
        generate_psf(Microscope(na=0.8, wavelength=0.52, index=1.0), (17, 21, 21), (0.4, 0.2, 0.2)),
    )
    yield "confocal, NA 1.2", generate_psf(Microscope(**water, technique="confocal"), (15, 21, 21), fine)


def light(backend, shape: tuple[int, ...] = (24, 64, 64), seed: int = 202) -> None:
    """Geometric mean and worst of the error over that of a run without regularization, over three objects."""
    ways = ("tv 0.002", "tv auto", "consensus")
    print(f"| PSF, photons | none | auto weights | {' | '.join(f'{way}: best | twice' for way in ways)} |")
    print("|---|---|---|" + "---|---|" * len(ways))
    everything = []
    for (name, psf), (photons, longest) in itertools.product(psfs(), LONGEST.items()):
        psf, rows, weights, errors = rlcore.prepare_psf(psf, background="auto").values, [], [], []
        for kind in ("filaments", "shells", "beads"):
            made = phantom(kind, shape, psf=psf, photons=photons, background=0.05 * photons, seed=seed)
            weights.append(tv_weight_for(object_photons(made.image, 1.0, background=made.background), psf))
            priors = (NO_PRIOR, Prior("tv"), Prior("tv", weights[-1]), Prior("consensus"))
            none, *others = (along(made, prior, longest, backend) for prior in priors)
            best = int(none.argmin())
            twice = min(2 * best + 1, longest - 1)
            errors.append(none[best])
            rows.append([(way.min() / none[best], way[twice] / none[twice]) for way in others])
        everything += rows
        span = [f"{min(each):.3g} to {max(each):.3g}" for each in (errors, weights)]
        print(f"| {name}, {photons} | {span[0]} | {span[1]} | {' | '.join(_ratios(rows))} |", flush=True)
    print(f"| **all** | | | {' | '.join(_ratios(everything))} |")


def along(made, prior: Prior, longest: int, backend) -> np.ndarray:
    """NRMSE after each iteration of a run."""
    steps = path(made, "heavy-ball", backend, background=made.background, prior=prior)
    return np.array([nrmse(estimate, made.truth) for estimate, _ in itertools.islice(steps, longest)])


def _ratios(rows) -> list[str]:
    table = np.array(rows).reshape(len(rows), -1)
    return [f"{np.exp(np.log(column).mean()):.3f}, {column.max():.3f}" for column in table.T]


def timing(backend, shape: tuple[int, ...] = (64, 256, 256), rounds: int = 6) -> None:
    """Ratios of the shortest times of runs that take turns; other work of the machine can only add to a time."""
    made = phantom("mixed", shape, psf=confocal_psf((15, 15, 15)))
    best = dict.fromkeys(WAYS, np.inf)
    for _ in range(rounds):
        for name, options in WAYS.items():
            marks: list[float] = []
            rlcore.deconvolve(
                made.image, made.psf, iterations=5, backend=backend,
                callback=lambda _, marks=marks: marks.append(time.perf_counter()), **options,
            )  # fmt: skip
            best[name] = min(best[name], *np.diff(marks)[:-1])
    ratios = ", ".join(f"{name} {best[name] / best['none']:.2f}" for name in list(WAYS)[1:])
    print(f"Time of an iteration, {backend.name}, {shape}, in those without: {ratios}")


if __name__ == "__main__":
    main()
