"""Measure the CUDA backend: exactness, time, memory and transfers, as ratios taken on one card in one run.

    python docs/measure_cuda.py [--quick] [--parts exactness whole call streaming small] [--json cuda.json]

Every problem is first compared with double precision. Bare transforms are cuFFT's own plans for the shape that the
backend used, out of place, real to complex and back. cuCIM's Richardson-Lucy is timed too if it is installed.
"""

import argparse
import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any

import array_api_compat.numpy
import cupy
import numpy as np

import rlcore
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore_cupy import CuPyBackend

PROBLEMS = [((256, 256, 256), 32), ((64, 1024, 1024), 32), ((512, 512, 512), 64), ((256, 2048, 2048), 64)]
PARTS = ("exactness", "whole", "call", "streaming", "small")
ITERATIONS, MORE = 10, {True: 70, False: 310}
"""Iterations of whole calls, and of longer ones of large and of small volumes, whose difference gives one's time."""
COUNTS = {"offset": 0, "background": 0, "hot_pixels": "keep"}
"""Images are counts of photons without a camera, and nothing is looked for in them."""
PLAIN, FAST = "none", ("heavy-ball", "biggs")
"""No acceleration, as in other programs; and the accelerations that are compared with it."""
GIB = 1 << 30
LONGEST = 100
"""Seconds after which small calls end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small problems only")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report: dict[str, Any] = {"card": CuPyBackend().device, "cupy": cupy.__version__, "rows": []}
    say(f"{report['card']}, CuPy {cupy.__version__}, {ITERATIONS} iterations")
    small, large = ((128, 512, 512), 32, "128 MiB"), ((512, 2048, 2048), 64, "8 GiB")
    rows: dict[str, list[Any]] = {
        "exactness": [exactness],
        "whole": [whole(*problem) for problem in PROBLEMS[: 2 if arguments.quick else 4]],
        "call": [call],
        "streaming": [lambda: streaming(*(small if arguments.quick else large))],
        "small": [small_calls],
    }
    for part in itertools.chain.from_iterable(rows[name] for name in arguments.parts):
        report["rows"].append(part())
        free()
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1))


def exactness() -> dict[str, Any]:
    """Differences of the whole from double precision, and of blocks from the whole."""
    image, psf = problem((40, 96, 100), 15)
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    row: dict[str, Any] = {"what": "exactness, 20 iterations"}
    for boundary in ("extended", "zero", "periodic"):
        options: dict[str, Any] = {"iterations": 20, "boundary": boundary}
        truth = rlcore.deconvolve(image, psf, backend=double, **COUNTS, **options)
        ours = rlcore.deconvolve(image, psf, backend="cupy", **COUNTS, **options)
        blocks = rlcore.deconvolve(image, psf, backend="cupy", memory="24 MiB", **COUNTS, **options)
        row[boundary] = float(np.abs(ours - truth).max() / truth.max())
        row[boundary + ", blocks to whole"] = float(np.abs(blocks - ours).max() / truth.max())
    return told(row)


def whole(shape: tuple[int, int, int], size: int) -> Any:
    """Time of iterations of a whole volume on the device, of bare transforms and of another program; peak memory."""

    def part() -> dict[str, Any]:
        image, psf = problem(shape, size)
        run: dict[str, Any] = {
            "iterations": ITERATIONS,
            "backend": "cupy",
            "boundary": "zero",
            "acceleration": PLAIN,
        }
        plan = rlcore.make_plan(shape, psf.shape, **run)
        given = cupy.asarray(image)
        del image
        rlcore.deconvolve(given, psf, **COUNTS, **run)
        free()
        peak = peak_of(lambda: rlcore.deconvolve(given, psf, **COUNTS, **run))
        volume = 4 * np.prod(plan.block_shape)
        repeats = 3 if np.prod(shape) > 1e8 else 5
        few = timed(lambda: rlcore.deconvolve(given, psf, **COUNTS, **run), repeats)
        bare = bare_transforms(plan.block_shape)
        times = in_turns(given, psf, run, repeats)
        iteration = times[PLAIN]
        row: dict[str, Any] = {
            "what": "x".join(map(str, shape)) + f", psf {size}^3",
            "block": plan.block_shape,
            "ms an iteration": iteration,
            "ms of four bare transforms": bare,
            "ratio": iteration / bare,
            "ms of 10 iterations, device arrays": few,
            "peak GiB": peak / GIB,
            "peak / plan": peak / plan.device_bytes,
            "peak / volume of the block": peak / volume,
        }
        for name in FAST:
            free()
            peak = peak_of(lambda name=name: rlcore.deconvolve(given, psf, **COUNTS, **{**run, "acceleration": name}))
            row |= {f"{name} / plain": times[name] / iteration, f"{name}, peak / volume of the block": peak / volume}
        row |= other_program(given, psf, few) if np.prod(shape) < 2e8 else {}
        return told(row)

    return part


def in_turns(given: Any, psf: np.ndarray, run: dict[str, Any], turns: int) -> dict[str, float]:
    """Milliseconds of an iteration by acceleration; runs take turns, so that changes of the card's clock affect all."""
    more = MORE[bool(given.size > 5e7)]
    times: dict[str, list[float]] = {name: [] for name in (PLAIN, *FAST)}
    for turn, name in itertools.product(range(turns + 1), times):
        few, many = (
            once(
                lambda options={**COUNTS, **run, "acceleration": name, "iterations": n}: rlcore.deconvolve(
                    given, psf, **options
                )
            )
            for n in (ITERATIONS, more)
        )
        if turn:  # the first round warms up
            times[name].append((many - few) / (more - ITERATIONS))
    return {name: statistics.median(found) for name, found in times.items()}


def call() -> dict[str, Any]:
    """Times of whole calls, NumPy to NumPy."""
    row: dict[str, Any] = {"what": "whole call, 64x1024x1024, psf 32^3"}
    for dtype in ("float32", "uint16"):
        image, psf = problem((64, 1024, 1024), 32)
        given = image.astype(dtype)
        seconds = []
        for _ in range(7):
            start = time.perf_counter()
            result = rlcore.deconvolve(
                given, psf, iterations=ITERATIONS, backend="cupy", boundary="zero", acceleration=PLAIN, **COUNTS
            )
            seconds.append(time.perf_counter() - start)
            del result
        row |= {f"ms first, {dtype}": 1e3 * seconds[0], f"ms second, {dtype}": 1e3 * seconds[1]}
        row[f"ms median of later ones, {dtype}"] = 1e3 * statistics.median(seconds[2:])
    return told(row)


def small_calls() -> dict[str, Any]:
    """Time of ten thousand small calls, and the device memory that is in use more after them."""
    backend, rng = CuPyBackend(), np.random.default_rng(0)
    image, psf = rng.random((16, 24, 32), np.float32) + 1, gaussian(5)
    for _ in range(20):
        rlcore.deconvolve(image, psf, iterations=1, backend=backend, **COUNTS)
    before, start, calls = cupy.cuda.runtime.memGetInfo()[0], time.perf_counter(), 0
    while calls < 10_000 and time.perf_counter() - start < LONGEST:
        rlcore.deconvolve(image, psf, iterations=1, backend=backend, **COUNTS)
        calls += 1
    seconds = time.perf_counter() - start
    after = cupy.cuda.runtime.memGetInfo()[0]
    return told({"what": f"{calls} small calls", "ms a call": 1e3 * seconds / calls, "bytes taken": before - after})


def streaming(shape: tuple[int, int, int], size: int, memory: str) -> dict[str, Any]:
    """Time of a volume larger than the budget, of its compute and its transfers alone; difference to the whole."""
    image, psf = problem(shape, size)
    run: dict[str, Any] = {"iterations": ITERATIONS, "boundary": "zero", "acceleration": PLAIN}
    backend = CuPyBackend()
    plan = rlcore.make_plan(shape, psf.shape, backend=backend, memory=memory, **run)
    say(str(plan))
    results: list[Any] = []

    def restore() -> None:
        results[:] = [rlcore.deconvolve(image, psf, backend=backend, memory=memory, plan=plan, **COUNTS, **run)]

    peak, seconds = peak_of(restore), []
    for _ in range(2):
        start = time.perf_counter()
        restore()
        seconds.append(time.perf_counter() - start)
    [blocks] = results
    compute, transfers = parts_of(plan, backend, image)
    free()
    ours = rlcore.deconvolve(image, psf, backend="cupy", **COUNTS, **run)
    error = max(float(np.abs(a - b).max()) for a, b in zip(blocks, ours, strict=True)) / float(ours.max())
    row = {"what": f"streaming {shape}, psf {size}^3, {memory}", "plan": str(plan), "s": min(seconds)}
    row |= {"s of its compute": compute, "s of its transfers": transfers, "blocks to whole": error}
    row["peak / plan"] = peak / plan.device_bytes
    row["ratio to the larger"] = min(seconds) / max(compute, transfers)
    return told(row)


def parts_of(plan: rlcore.Plan, backend: CuPyBackend, image: Any) -> tuple[float, float]:
    """Seconds of a plan's transforms alone, and of its transfers alone."""
    sample = np.ascontiguousarray(image[tuple(slice(0, n) for n in plan.block_shape)], np.float32)
    block = backend.read(sample, (0, 0, 0), plan.block_shape)
    otf, ratio = backend.otf(block, plan.block_shape), backend.full(plan.block_shape, 1.0)

    def filters() -> None:
        work = backend.convolve(block, otf, out=ratio)
        backend.ratio(block, work, background=0.0, floor=1e-6, out=work)
        backend.correlate(work, otf, out=work)
        backend.update(block, work, None, out=block)

    blocks, per = len(plan.tiling()), plan.half_steps == 1
    compute = blocks * ITERATIONS * timed(filters, 3) / 1e3
    start = time.perf_counter()
    for _ in range(3):
        backend.read(sample, (0, 0, 0), plan.block_shape)
        cupy.cuda.Device().synchronize()
    into = (time.perf_counter() - start) / 3
    start = time.perf_counter()
    for _ in range(3):
        backend.write(block, (0, 0, 0), sample, (0, 0, 0), sample.shape)
    out = (time.perf_counter() - start) / 3
    sweeps = ITERATIONS if per else -(-ITERATIONS // (plan.half_steps // 2))
    # reading and writing overlap, so transfers take as long as the longer of the two
    return compute, blocks * sweeps * max((4 if per else 2) * into, (2 if per else 1) * out)


def bare_transforms(shape: tuple[int, ...]) -> float:
    """Milliseconds of two transforms and two back by cuFFT, of exactly this shape."""
    cufft, half = cupy.cuda.cufft, shape[-1] // 2 + 1
    real = cupy.ones(shape, cupy.float32)
    spectrum = cupy.empty((*shape[:-1], half), cupy.complex64)
    total = 0.0
    for kind, source, target, last in (
        (cufft.CUFFT_R2C, real, spectrum, half),
        (cufft.CUFFT_C2R, spectrum, real, shape[-1]),
    ):
        plan = cufft.PlanNd(shape, None, 1, source.size, None, 1, target.size, kind, 1, "C", 2, last)
        total += 2 * timed(lambda plan=plan, a=source, b=target: plan.fft(a, b, 0), 9)
        del plan
    return total


def other_program(image: Any, psf: Any, ours: float) -> dict[str, Any]:
    """Time of cuCIM's Richardson-Lucy on the same arrays, if it is installed."""
    try:
        from cucim.skimage.restoration import richardson_lucy
    except ImportError as error:
        return {"cucim": f"not installed: {error}"}
    scaled, kernel = image / image.max(), cupy.asarray(psf, cupy.float32)
    theirs = timed(lambda: richardson_lucy(scaled, kernel, num_iter=ITERATIONS, clip=False), 3)
    return {"ms of cucim": theirs, "cucim / ours": theirs / ours}


def timed(work: Any, repeats: int) -> float:
    """Median milliseconds on the device, after one run to warm up."""
    work()
    return statistics.median(once(work) for _ in range(repeats))


def once(work: Any) -> float:
    """Milliseconds on the device."""
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()
    work()
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(begin, end))


def peak_of(work: Any) -> int:
    """Peak of the bytes taken from the card, as the driver counts them: CuPy's pool keeps what it has once taken."""
    before = cupy.cuda.runtime.memGetInfo()[0]
    work()
    return int(before - cupy.cuda.runtime.memGetInfo()[0])


def problem(shape: tuple[int, ...], size: int) -> tuple[Any, Any]:
    """Counts with some structure, and a Gaussian of `size` voxels a side."""
    rng = np.random.default_rng(0)
    plane = rng.poisson(50 + 200 * rng.random(shape[1:]) ** 8).astype(np.float32)
    image = np.empty(shape, np.float32)
    for number in range(shape[0]):
        image[number] = np.roll(plane, 7 * number, axis=1)
    return image, gaussian(size)


def gaussian(size: int) -> Any:
    axes = np.meshgrid(*[np.arange(size) - size // 2] * 3, indexing="ij")
    return np.exp(-sum(axis**2 for axis in axes) / (2 * (size / 8) ** 2))


def free() -> None:
    """Release the memory of pools and plans."""
    CuPyBackend().release()
    cupy.fft.config.get_plan_cache().clear()
    cupy.get_default_memory_pool().free_all_blocks()


def told(row: dict[str, Any]) -> dict[str, Any]:
    say("; ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()))
    return row


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
