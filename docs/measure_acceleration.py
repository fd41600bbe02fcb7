"""Measure the gain of acceleration: iterations to the same fit, distance from the truth, and time of an iteration.

    python docs/measure_acceleration.py [fit] [quality] [bars FOLDER] [time] [--backend pyfftw]

Twelve phantoms: three objects, two PSFs, two noise levels, fixed seeds. `bars` needs a folder with image.tif, psf.tif
and truth.tif. Without names all tables but `bars` are made.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import rlcore
from rlcore.algorithm.acceleration import ACCELERATIONS
from rlcore.algorithm.boundary import Geometry, Weights
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.algorithm.regularization import NO_PRIOR, Prior, Regularizer
from rlcore.algorithm.richardson_lucy import Data, IterationContext, Model, State, iterate
from rlcore.backend import Box
from rlcore.optics.psf_on_grid import on_device
from rlcore.testing.metrics import i_divergence, nrmse, pearson
from rlcore.testing.optics import confocal_psf, wide_field_psf
from rlcore.testing.phantoms import Phantom, phantom

SHAPE = (32, 80, 80)
PLAIN = (10, 25, 50, 100)
FAST = ("heavy-ball", "biggs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help="fit, quality, time; bars and its folder")
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    backend = rlcore.load_backend(rlcore.choose_backend(arguments.backend).backend.name)
    tables = arguments.tables or ["fit", "quality", "time"]
    if "fit" in tables or "quality" in tables:
        curves = {name: {a: curve(made, a, 100, backend) for a in ACCELERATIONS} for name, made in cases()}
        if "fit" in tables:
            fit(curves)
        if "quality" in tables:
            quality(curves)
    if "bars" in tables:
        bars(Path(tables[tables.index("bars") + 1]), backend)
    if "time" in tables:
        timing(backend)


def cases() -> Iterator[tuple[str, Phantom]]:
    """The twelve phantoms, by name."""
    psfs = {"wide field": wide_field_psf((21, 21, 21)), "confocal": confocal_psf((15, 15, 15))}
    for kind, (name, psf), photons in itertools.product(("filaments", "shells", "beads"), psfs.items(), (60, 1000)):
        psf = rlcore.prepare_psf(psf, background="auto").values
        yield f"{kind}, {name}, {photons} photons", phantom(kind, SHAPE, psf=psf, photons=photons)


def path(
    made: Phantom, acceleration: str, backend, *, background: float, prior: Prior = NO_PRIOR
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The estimate inside the image after each iteration, and its blur; `extended`, the whole volume."""
    image, psf = made.image, rlcore.prepare_psf(made.psf)
    geometry = Geometry(image.shape, psf.values.shape, psf.centre, "extended")
    shape = backend.fast_shape(geometry.minimum_shape)
    box = Box(geometry.domain.start, tuple(a + n for a, n in zip(geometry.domain.start, shape, strict=True)))
    inside = geometry.image.slices(box.start)
    start, counts = np.zeros(shape), np.zeros(shape)
    start[geometry.domain.slices(box.start)], counts[inside] = image.mean() - background, image
    otf = backend.otf(on_device(backend, psf, shape), shape)
    model = Model(otf, background, 1e-8 * float(image.max()))
    data = Data(backend.upload(counts), backend.mask(geometry.image.seen_from(box), shape))
    table = Weights(psf.values, geometry).of(box)
    first = State(backend.upload(start), backend.upload(start))
    schedule = MomentumSchedule(acceleration, backend, geometry.image_shape)
    comparison = schedule.comparison(1, 1, box, geometry.domain)
    regularizer = Regularizer(prior, backend, geometry, float(image.mean() - background))
    contexts = (
        IterationContext(
            schedule.momentum(k),
            comparison=comparison(k + 1),
            split=regularizer.split(k, box),
            agree=regularizer.agree(),
            smooth=regularizer.smooth(box),
        )
        for k in itertools.count()
    )
    weight = backend.expand(table.values, table.index)
    for state in iterate(backend, first, data, weight, model, contexts):
        blurred = backend.download(backend.convolve(state.estimate, otf))[inside] + background
        yield backend.download(state.estimate)[inside], blurred


def curve(made: Phantom, acceleration: str, iterations: int, backend) -> np.ndarray:
    """I-divergence per voxel and NRMSE after each iteration."""
    steps = itertools.islice(path(made, acceleration, backend, background=made.background), iterations)
    return np.array([(i_divergence(made.image, blurred), nrmse(estimate, made.truth)) for estimate, blurred in steps])


def fit(curves: dict) -> None:
    print("\nIterations that reach the I-divergence of plain ones, by heavy ball / by Biggs:")
    print(f"| case | {' | '.join(f'plain {n}' for n in PLAIN)} |")
    print("|---|" + "---|" * len(PLAIN))
    rows = []
    for name, by in curves.items():
        rows.append([reached(by[a][:, 0], by["none"][:, 0]) for a in FAST])
        print(f"| {name} | {' | '.join(f'{x} / {y}' for x, y in zip(*rows[-1], strict=True))} |")
    middles = [[middle(column) for column in zip(*by, strict=True)] for by in zip(*rows, strict=True)]
    print(f"| **median [range]** | {' | '.join(f'{x} / {y}' for x, y in zip(*middles, strict=True))} |")


def reached(fast: np.ndarray, plain: np.ndarray) -> list[int]:
    """The first iteration that fits as well as each number of plain ones in `PLAIN`; -1 if none does."""
    good = fast[:, None] <= plain[[n - 1 for n in PLAIN]]
    return [int(column.argmax()) + 1 if column.any() else -1 for column in good.T]


def middle(column: tuple[int, ...]) -> str:
    return f"{statistics.median(column):g} [{min(column)}-{max(column)}]"


def quality(curves: dict) -> None:
    print("\nNRMSE inside the image (best, and after how many iterations):")
    print("| case | plain: best | 30 | heavy ball: best | 15 | 30 | 100 | Biggs: best | 30 | 100 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, by in curves.items():
        plain, fast, told = by["none"][:, 1], by["heavy-ball"][:, 1], by["biggs"][:, 1]
        print(
            f"| {name} | {plain.min():.3f} at {plain.argmin() + 1} | {plain[29]:.3f} | "
            f"{fast.min():.3f} at {fast.argmin() + 1} | {fast[14]:.3f} | {fast[29]:.3f} | {fast[99]:.3f} | "
            f"{told.min():.3f} at {told.argmin() + 1} | {told[29]:.3f} | {told[99]:.3f} |"
        )


def bars(folder: Path, backend) -> None:
    import tifffile

    image, psf, truth = (tifffile.imread(folder / f"{name}.tif") for name in ("image", "psf", "truth"))
    print(f"\nbars: the image itself {nrmse(image, truth):.3f} / {pearson(image, truth):.3f} (NRMSE / Pearson)")
    print("| iterations | plain | heavy ball | Biggs |\n|---|---|---|---|")
    for iterations in (15, 25, 50, 100):
        results = [
            rlcore.deconvolve(
                image,
                psf,
                iterations=iterations,
                acceleration=acceleration,
                offset=0,
                background=0,
                hot_pixels="keep",
                backend=backend,
            )
            for acceleration in ("none", *FAST)
        ]
        print(
            f"| {iterations} | "
            + " | ".join(f"{nrmse(r, truth):.3f} / {pearson(r, truth):.3f}" for r in results)
            + " |"
        )


def timing(backend, shape: tuple[int, ...] = (64, 256, 256), rounds: int = 12) -> None:
    """Ratios of the shortest times of runs that take turns; other work of the machine can only add to a time."""
    made = phantom("mixed", shape, psf=confocal_psf((15, 15, 15)))
    best = dict.fromkeys(ACCELERATIONS, np.inf)
    for _ in range(rounds):
        for acceleration in ACCELERATIONS:
            marks: list[float] = []
            rlcore.deconvolve(
                made.image, made.psf, iterations=6, acceleration=acceleration, backend=backend,
                offset=0, background=0, hot_pixels="keep",
                callback=lambda _, marks=marks: marks.append(time.perf_counter()),
            )  # fmt: skip
            best[acceleration] = min(best[acceleration], *np.diff(marks)[:-1])
    ratios = ", ".join(f"{name} {best[name] / best['none']:.2f}" for name in FAST)
    print(f"\nTime of an iteration, {backend.name}, {shape}, in plain ones: {ratios}")


if __name__ == "__main__":
    main()
