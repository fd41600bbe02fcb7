"""Measure the value of the stopping rules, and the cost of recording the fit.

    python docs/measure_stopping.py [quality] [cameras] [parts] [cost] [--backend pyfftw]

`quality`: the distance from the truth (NRMSE, best gain) of runs on the twelve phantoms of measure_acceleration.py when
they stop, compared with the best at any iteration, with 10 plain iterations and with 15. `cameras`: the same phantoms
recorded by a camera with an offset, restored without options. `parts`: larger phantoms, of which a part tells the
number of iterations. `cost`: the time that a run spends on the fit, relative to the rest of it.
"""

import argparse
import itertools
import statistics
import time
from dataclasses import replace
from unittest import mock

import numpy as np
from measure_acceleration import cases, path

import rlcore
from rlcore.algorithm.sampled_planes import PlaneView
from rlcore.api import find_iterations
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import confocal_psf, wide_field_psf
from rlcore.testing.phantoms import phantom

LONGEST = 100
TABLES = "quality", "cameras", "parts", "cost"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help=", ".join(TABLES))
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    backend = rlcore.load_backend(rlcore.choose_backend(arguments.backend).backend.name)
    makers = dict(zip(TABLES, (quality, cameras, parts, cost), strict=True))
    for table in arguments.tables or TABLES:
        makers[table](backend)


def along(made, image, background: float, acceleration: str, iterations: int, backend) -> np.ndarray:
    """Distance from the truth after each iteration on all photons."""
    seen = replace(made, image=image)
    steps = itertools.islice(path(seen, acceleration, backend, background=background), iterations)
    return np.array([nrmse(estimate, made.truth) for estimate, _ in steps])


def stopped(made, backend, **options) -> tuple[int, float]:
    """The number of iterations of a run on counts, and the distance of its result from the truth."""
    result, info = rlcore.deconvolve(
        made.image, made.psf, offset=0, hot_pixels="keep", background=made.background, backend=backend,
        return_info=True, **options,
    )  # fmt: skip
    return info.iterations, nrmse(result, made.truth)


def quality(backend) -> None:
    print("\n| case | best | plain 10 | 15 | auto | over the best | relative change |")
    print("|---|---|---|---|---|---|---|")
    over, fixed, worse = [], [], 0
    for name, made in cases():
        fast = along(made, made.image, made.background, "heavy-ball", LONGEST, backend)
        plain = along(made, made.image, made.background, "none", 10, backend)[-1]
        number, error = stopped(made, backend, iterations="auto")
        changed = stopped(made, backend, iterations=LONGEST, stop="relative-change")
        over.append(error / fast.min())
        fixed.append(fast[14] / fast.min())
        worse += error > plain
        print(
            f"| {name} | {fast.min():.3f} at {fast.argmin() + 1} | {plain:.3f} | {fast[14]:.3f} | {error:.3f} at "
            f"{number} | {over[-1] - 1:.1%} | {changed[1]:.3f} at {changed[0]} |",
            flush=True,
        )
    for name, ratios in (("auto", over), ("15 iterations", fixed)):
        within = sum(each <= 1.1 for each in ratios)
        print(f"\n{name}: within 10 % of the best in {within} of {len(ratios)}, at worst {max(ratios) - 1:.1%} over")
    print(f"auto: worse than 10 plain iterations in {worse}")


def cameras(backend, gain: float = 0.46, offset: float = 100.0, noise: float = 0.7) -> None:
    """Compare what is found of the camera with what is known of it, and with the offset left in."""
    print(f"\nA camera of {gain} units per photon, an offset of {offset:g} and a read noise of {noise} units:")
    print("| case | best, known | background given | over the best | found | no options | background 0 | offset 0 |")
    print("|---|---|---|---|---|---|---|---|")
    rng, over = np.random.default_rng(0), []
    pedestal = noise**2 / gain
    for name, made in cases():
        image = np.rint(gain * made.image + offset + rng.normal(0, noise, made.image.shape)).astype(np.uint16)
        light = np.maximum(image - (offset - pedestal), 0)
        best = along(made, light, gain * made.background + pedestal, "heavy-ball", LONGEST, backend)
        ways = ({"background": gain * made.background}, {}, {"background": 0}, {"offset": 0})
        runs = [rlcore.deconvolve(image, made.psf, backend=backend, return_info=True, **each) for each in ways]
        info = runs[0][1]
        known, *others = (f"{nrmse(result, made.truth):.3f} at {info.iterations}" for result, info in runs)
        over.append(nrmse(runs[0][0], made.truth) / best.min())
        print(
            f"| {name} | {best.min():.3f} at {best.argmin() + 1} | {known} | {over[-1] - 1:.1%} | "
            f"{info.offset:.1f}, {info.gain:.2f} | {' | '.join(others)} |",
            flush=True,
        )
    print(f"\nbackground known: within 10 % of the best in {sum(each <= 1.1 for each in over)} of {len(over)}")


def parts(backend, shape: tuple[int, ...] = (32, 192, 192)) -> None:
    """The number that a part of a larger image tells, that of all of it, and the processor time of the search."""
    print(
        f"\n{shape}, the number found on a part and on all of the image, and what the search takes of the run's time:"
    )
    print("| case | part: number, NRMSE, search / run | all: number, NRMSE, search / run |\n|---|---|---|")
    psfs = {"wide field": wide_field_psf((21, 21, 21)), "confocal": confocal_psf((15, 15, 15))}
    for kind, (name, psf), photons in itertools.product(("filaments", "shells"), psfs.items(), (60, 1000)):
        made = phantom(kind, shape, psf=rlcore.prepare_psf(psf, background="auto").values, photons=photons)
        found = []
        for smallest in (find_iterations.SMALLEST_PART, made.image.size):
            with mock.patch.object(find_iterations, "SMALLEST_PART", smallest):
                found.append(" ".join(searched(made, backend)))
        print(f"| {kind}, {name}, {photons} photons | {' | '.join(found)} |", flush=True)


def searched(made, backend) -> list[str]:
    """The number found, the distance from the truth, and the processor time of the search in that of the run."""
    marks = {True: [time.process_time()], False: []}
    result, info = rlcore.deconvolve(
        made.image, made.psf, offset=0, hot_pixels="keep", background=made.background, backend=backend,
        return_info=True, callback=lambda progress: marks[progress.looking].append(time.process_time()),
    )  # fmt: skip
    looked, ended = marks[True][-1], time.process_time()
    search = (looked - marks[True][0]) / (ended - looked)
    return [f"{info.iterations},", f"{nrmse(result, made.truth):.3f},", f"{search:.2f}"]


def cost(backend, shape: tuple[int, ...] = (64, 256, 256), rounds: int = 7) -> None:
    """Time spent on the fit, relative to the rest of the same run; the median of several runs.

    Two runs would differ by more than this on any machine that does other work too. It is not meaningful on devices
    that work asynchronously: there the sums wait for all work that was queued before.
    """
    made = phantom("mixed", shape, psf=confocal_psf((15, 15, 15)))
    options = {
        "iterations": 20,
        "offset": 0,
        "background": 0,
        "hot_pixels": "keep",
        "backend": backend,
        "return_info": True,
    }
    options["background"] = made.background
    kind = type(backend)
    take, fit, spent = PlaneView.take, kind.fit, [0.0]

    def timed(look):
        def clocked(*arguments, **named):
            began = time.perf_counter()
            found = look(*arguments, **named)
            spent[0] += time.perf_counter() - began
            return found

        return clocked

    PlaneView.take, kind.fit = timed(take), timed(fit)
    shares = []
    for _ in range(rounds):
        spent[0], began = 0.0, time.perf_counter()
        _, info = rlcore.deconvolve(made.image, made.psf, **options)
        shares.append(spent[0] / (time.perf_counter() - began - spent[0]))
    PlaneView.take, kind.fit = take, fit
    quarters = statistics.quantiles(shares[1:], n=4)
    print(
        f"\nLooking at the fit, {backend.name}, {shape}, at {info.share:.1%} of its voxels: {quarters[1]:.1%} of a run "
        f"of 20 iterations (quartiles {quarters[0]:.1%} and {quarters[2]:.1%})"
    )


if __name__ == "__main__":
    main()
