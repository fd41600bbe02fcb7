"""Measure the effect of regularization: distance from the truth along a run, and the time of an iteration.

    python docs/measure_regularization.py [quality] [time] [--backend pyfftw]

Heavy ball on six of the phantoms of measure_acceleration.py, those of few photons and wide field or of many and
confocal. NRMSE inside the image.
"""

import argparse
import time

import numpy as np
from measure_acceleration import cases

import rlcore
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
    parser.add_argument("tables", nargs="*", help="quality, time")
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    backend = rlcore.load_backend(rlcore.choose_backend(arguments.backend).backend.name)
    if "quality" in (arguments.tables or ["quality"]):
        quality(backend)
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
