"""Measure the value of the stopping rules, and the cost of recording the fit.

    python docs/measure_stopping.py [quality] [cameras] [cost] [--backend pyfftw]

`quality`: the distance from the truth (NRMSE, best gain) of runs on the twelve phantoms of measure_acceleration.py when
they stop, compared with the best at any iteration, and with 10 plain iterations. `cameras`: the same phantoms recorded
by a camera with an offset. `cost`: the time that a run spends on the fit, relative to the rest of it.
"""

import argparse
import itertools
import statistics
import time
from dataclasses import replace

import numpy as np
from measure_acceleration import cases, path

import rlcore
from rlcore.algorithm.sampled_planes import PlaneView
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import confocal_psf
from rlcore.testing.phantoms import phantom

LONGEST = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help="quality, cameras, cost")
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    backend = rlcore.load_backend(rlcore.choose_backend(arguments.backend).backend.name)
    tables = arguments.tables or ["quality", "cameras", "cost"]
    if "quality" in tables:
        quality(backend)
    if "cameras" in tables:
        cameras(backend)
    if "cost" in tables:
        cost(backend)


def along(made, image, background: float, acceleration: str, iterations: int, backend) -> np.ndarray:
    """Distance from the truth after each iteration on all photons."""
    seen = replace(made, image=image)
    steps = itertools.islice(path(seen, acceleration, backend, background=background), iterations)
    return np.array([nrmse(estimate, made.truth) for estimate, _ in steps])


def stopped(made, backend, **options) -> tuple[int, float]:
    """The number of iterations of a run, and the distance of its result from the truth."""
    result, info = rlcore.deconvolve(
        made.image, made.psf, background=made.background, backend=backend, return_info=True, **options
    )
    return info.iterations, nrmse(result, made.truth)


def quality(backend) -> None:
    print("\n| case | best | plain 10 | auto | over the best | auto, plain steps | relative change |")
    print("|---|---|---|---|---|---|---|")
    over, worse = [], 0
    for name, made in cases():
        fast = along(made, made.image, made.background, "heavy-ball", LONGEST, backend)
        plain = along(made, made.image, made.background, "none", 10, backend)[-1]
        each = {
            "auto": {"iterations": "auto"},
            "plain": {"iterations": "auto", "acceleration": "none"},
            "change": {"iterations": LONGEST, "stop": "relative-change"},
        }
        ends = {key: stopped(made, backend, **options) for key, options in each.items()}
        over.append(ends["auto"][1] / fast.min())
        worse += ends["auto"][1] > plain
        others = " | ".join(f"{error:.3f} at {number}" for number, error in (ends["plain"], ends["change"]))
        print(
            f"| {name} | {fast.min():.3f} at {fast.argmin() + 1} | {plain:.3f} | {ends['auto'][1]:.3f} at "
            f"{ends['auto'][0]} | {over[-1] - 1:.1%} | {others} |"
        )
    within = [sum(each <= limit for each in over) for limit in (1.1, 1.25)]
    print(f"\nauto: within 10 % of the best in {within[0]} of {len(over)}, within 25 % in {within[1]};")
    print(f"worse than 10 plain iterations in {worse}")


def cameras(backend, gain: float = 0.46, offset: float = 100.0) -> None:
    """Compare images as the camera gives them, and with its offset subtracted from image and background."""
    print(f"\nA camera of {gain} units per photon and an offset of {offset:g}:")
    print("| case | best | auto | over the best | gain and offset found | offset off: best | auto | over the best |")
    print("|---|---|---|---|---|---|---|---|")
    for name, made in cases():
        image, background = np.rint(gain * made.image + offset), gain * made.background + offset
        rows = []
        for less in (0.0, offset):
            seen, dark = np.maximum(image - less, 0), background - less
            fast = along(made, seen, dark, "heavy-ball", LONGEST, backend)
            result, info = rlcore.deconvolve(
                seen, made.psf, iterations="auto", background=dark, backend=backend, return_info=True
            )
            error, best = nrmse(result, made.truth), f"{fast.min():.3f} at {fast.argmin() + 1}"
            rows.append((best, f"{error:.3f} at {info.iterations}", f"{error / fast.min() - 1:.1%}", info))
        raw, off = rows
        found = f"{raw[3].gain:.2f}, {raw[3].offset:.0f}"
        print(f"| {name} | {' | '.join(raw[:3])} | {found} | {' | '.join(off[:3])} |")


def cost(backend, shape: tuple[int, ...] = (64, 256, 256), rounds: int = 7) -> None:
    """Time spent on the fit, relative to the rest of the same run; the median of several runs.

    Two runs would differ by more than this on any machine that does other work too. It is not meaningful on devices
    that work asynchronously: there the sums wait for all work that was queued before.
    """
    made = phantom("mixed", shape, psf=confocal_psf((15, 15, 15)))
    options = {"iterations": 20, "backend": backend, "background": made.background, "return_info": True}
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
