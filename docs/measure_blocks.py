"""Measure the cost of exactness in less memory than the whole volume needs.

    python docs/measure_blocks.py [--shape 256 512 512] [--psf 31] [--iterations 10] [--acceleration none]
                                  [--backend pyfftw] [--repeats 3]

The same volume is restored whole, then with half and with a quarter of the memory that this needs; in turn, so that a
drift of the machine affects all alike. A row gives the plan, the median time and its spread, the ratio to the whole's
time, the ratio that the plan predicted, and the largest difference to the whole as a share of its maximum. With a
quarter the working volumes do not fit in memory, so the plan puts them in scratch files.
"""

import argparse
import math
import statistics
import time

import numpy as np

import rlcore
from rlcore.algorithm.boundary import Geometry
from rlcore.app.bench.problems import make_image, make_psf
from rlcore.backend.host.memory import format_bytes
from rlcore.planner import Budgets, Job, choose_plan
from rlcore.planner.budget import Budget

DISK = Budget(1 << 62, "disk")


def main() -> None:
    arguments = parse()
    shape, psf = tuple(arguments.shape), make_psf((arguments.psf,) * len(arguments.shape))
    image, backend = make_image(shape), rlcore.load_backend(arguments.backend)
    options = {"iterations": arguments.iterations, "acceleration": arguments.acceleration, "backend": backend}
    plans = list(plans_for(shape, psf.shape, backend, arguments))
    results, seconds = {}, {name: [] for name, _ in plans}
    for turn in range(arguments.repeats + 1):  # the first round plans the transforms and is not counted
        for name, plan in plans:
            began = time.perf_counter()
            results[name] = rlcore.deconvolve(
                image, psf, plan=plan, offset=0, background=0, hot_pixels="keep", **options
            )
            took = time.perf_counter() - began
            if turn:
                seconds[name].append(took)
    whole, reference = plans[0][0], results[plans[0][0]]
    print(f"image {shape}, psf {psf.shape}, {arguments.iterations} iterations on {backend.name} ({backend.device})")
    for name, plan in plans:
        times = seconds[name]
        ratio = statistics.median(t / w for t, w in zip(times, seconds[whole], strict=True))
        error = np.abs(results[name] - reference).max() / reference.max()
        print(f"\n{name}: {plan}")
        print(
            f"  {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f}), {ratio:.2f} times the whole, "
            f"predicted {1 + plan.overhead:.2f}, difference {error:.1e}"
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs="+", default=[256, 512, 512])
    parser.add_argument("--psf", type=int, default=31)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--acceleration", default="none")
    parser.add_argument("--backend", default="pyfftw")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def plans_for(shape, psf_shape, backend, arguments):
    """Names and plans: of the whole volume, and the best ones for half and for a quarter of its memory."""
    geometry = Geometry(shape, psf_shape, tuple(p // 2 for p in psf_shape), "extended")
    job = Job(geometry, arguments.iterations, acceleration=arguments.acceleration)
    whole = choose_plan(job, backend, budgets(1 << 60, None))
    yield "whole", whole
    for name, share in (("half", 0.5), ("quarter", 0.25)):
        given = budgets(math.floor(whole.memory_bytes * share), DISK)
        yield f"{name} ({format_bytes(given.host.bytes)})", choose_plan(job, backend, given)


def budgets(count: int, scratch: Budget | None) -> Budgets:
    budget = Budget(count, "of what the whole needs")
    return Budgets(budget, budget, scratch)


if __name__ == "__main__":
    main()
