"""Measure the OpenCL backends against their own transforms, and against other programs that use OpenCL.

    python docs/measure_opencl.py [--device NAME] [--sizes 256] [--peers] [--json FILE]

First every backend's result is compared with a run in double precision; the figures follow. Rows: medians of whole
calls of 10 iterations after a warm-up, image and result in host memory; the time of an iteration, as a ratio to the
transforms of the same blocks alone; the first call of a process, and of a second one. With --peers RedLionfish and
pyclesperanto are measured too, which have to be installed; pyclesperanto's image is on the card already, and its result
is downloaded.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import array_api_compat.numpy
import numpy as np

import rlcore
from rlcore.backend.array_api import ArrayAPIBackend

SIZES = {
    "40": ((40,) * 3, (9,) * 3),
    "256": ((256,) * 3, (32,) * 3),
    "1024": ((64, 1024, 1024), (32,) * 3),
    "512": ((512,) * 3, (64,) * 3),
}
ITERATIONS, MORE = 10, 70
"""Iterations of whole calls, and of longer ones; their difference gives the time of an iteration."""
COUNTS = {"offset": 0, "background": 0, "hot_pixels": "keep"}
"""Images are counts of photons without a camera, and nothing is looked for in them."""
PLAIN = "none"
"""No acceleration, as in the other programs."""
FIRST_CALL = """
import time; start = time.perf_counter()
import numpy as np, rlcore
axes = np.ogrid[-4:5, -4:5, -4:5]
image, psf = np.ones(({shape}), np.float32), np.exp(-sum(axis**2 for axis in axes) / 4)
options = dict(iterations=2, acceleration="none", offset=0, background=0, hot_pixels="keep")
rlcore.deconvolve(image, psf, backend={backend!r}, device={device!r}, **options)
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device")
    parser.add_argument("--backends", nargs="+", default=["reikna", "vkfft"])
    parser.add_argument("--sizes", nargs="+", default=["256", "1024", "512"], choices=SIZES)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    table = Table(arguments.json)
    for name in arguments.backends:
        first_calls(name, arguments.device, table)
        check(name, arguments.device, table)
    for size in arguments.sizes:
        image, psf = pair(*SIZES[size])
        for name in arguments.backends:
            backend = rlcore.load_backend(name, arguments.device)
            for boundary in ("periodic", "extended"):
                ours(backend, image, psf, boundary, size, arguments.calls, table)
        if arguments.peers:
            peers(image, psf, size, arguments.calls, table)


class Table:
    """Figures, printed as they come and written to a file."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._rows = path, []

    def add(self, *cells: str, **figures: object) -> None:
        print(
            *(f"{cell:24s}" for cell in cells), *(f"{key} {_say(value)}" for key, value in figures.items()), flush=True
        )
        self._rows.append({"what": cells, **figures})
        if self._path:
            self._path.write_text(json.dumps(self._rows, indent=1))


def first_calls(name: str, device: str | None, table: Table) -> None:
    """Seconds from an interpreter's start to the result of a small volume, in two processes one after the other."""
    script = FIRST_CALL.format(shape="60, 250, 250", backend=name, device=device)
    for which in ("first process", "second process"):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
        table.add(name, which, seconds=time.perf_counter() - start, error=done.stderr[-300:] or "none")


def check(name: str, device: str | None, table: Table) -> None:
    """Refuse to measure a backend whose result is wrong."""
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    backend = rlcore.load_backend(name, device)
    for shape, lengths in (((40, 61, 70), (9, 8, 11)), ((64, 64, 64), (9, 9, 9))):
        image, psf = pair(shape, lengths)
        for boundary in rlcore.BOUNDARIES:
            options = {"iterations": 20, "boundary": boundary, "acceleration": PLAIN, **COUNTS}
            truth = rlcore.deconvolve(image, psf, backend=double, **options)
            error = np.abs(rlcore.deconvolve(image, psf, backend=backend, **options) - truth).max() / truth.max()
            table.add(name, f"error {boundary} {shape[0]}", error=float(error))
            if error > 1e-5:
                sys.exit(f"backend {name!r} is wrong at {shape}, {boundary}")


def pair(shape: tuple[int, ...], lengths: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Sparse counts and a Gaussian PSF."""
    rng = np.random.default_rng(0)
    image = rng.random(shape, np.float32)
    image **= 8
    image *= 1000
    axes = np.meshgrid(*((np.arange(n) - n // 2) / (n / 6) for n in lengths), indexing="ij")
    return image, np.exp(-0.5 * sum(axis**2 for axis in axes)).astype(np.float32)


def ours(backend, image, psf, boundary: str, size: str, calls: int, table: Table) -> None:
    """Times of a whole call, and of an iteration relative to its own transforms."""

    def call(iterations: int) -> np.ndarray:
        return rlcore.deconvolve(image, psf, iterations=iterations, **COUNTS, **options)

    options = {"backend": backend, "boundary": boundary, "acceleration": PLAIN}
    plan = rlcore.make_plan(image.shape, psf.shape, iterations=ITERATIONS, **options)
    whole = seconds(lambda: call(ITERATIONS), calls)
    more = rlcore.make_plan(image.shape, psf.shape, iterations=MORE, **options)
    figures = {"ms": 1e3 * whole, "device": backend.device, "plan": str(plan).split(" on ")[0]}
    if (more.block_shape, more.half_steps) == (plan.block_shape, plan.half_steps):
        iteration = (seconds(lambda: call(MORE), calls) - whole) / (MORE - ITERATIONS)
        alone = transforms(backend, plan, calls)
        figures |= {"iteration_ms": 1e3 * iteration, "ffts_ms": 1e3 * alone, "ratio": iteration / alone}
    table.add(backend.name, f"{boundary} {size}", **figures)


def transforms(backend, plan, calls: int) -> float:
    """Seconds of four transforms of every block of a plan."""
    blocks, shape = math.prod(plan.tiling().counts), plan.block_shape
    real = backend.upload(np.random.default_rng(1).random(shape, np.float32))
    spectrum, engine = backend.fft(real), backend._transforms

    def run() -> None:
        for _ in range(2 * blocks):
            engine.forward(spectrum.buffer, real.buffer, shape)
            engine.inverse(real.buffer, spectrum.buffer, shape, keep=False)
        backend._runtime.queue.finish()

    return seconds(run, calls)


def peers(image: np.ndarray, psf: np.ndarray, size: str, calls: int, table: Table) -> None:
    """Times of the other programs on the same data."""
    from RedLionfishDeconv import doRLDeconvolutionFromNpArrays

    def redlionfish() -> None:
        doRLDeconvolutionFromNpArrays(image, psf, niter=ITERATIONS, method="gpu")

    table.add("RedLionfish", size, ms=1e3 * seconds(redlionfish, min(3, calls)))
    import pyclesperanto
    from pyclesperanto import _fft

    card, kernel = pyclesperanto.push(image), pyclesperanto.push(psf)
    table.add(
        "pyclesperanto",
        size,
        ms=1e3 * seconds(lambda: pyclesperanto.pull(_fft.deconvolve(card, kernel, iteration=ITERATIONS)), calls),
    )


def seconds(run: Callable[[], object], calls: int) -> float:
    """Median seconds of calls, after two that are not counted."""
    times = []
    for number in range(calls + 2):
        start = time.perf_counter()
        run()
        if number > 1:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def _say(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
