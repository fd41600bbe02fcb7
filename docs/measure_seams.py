"""Measure how far a volume restored in blocks is from the same volume restored whole.

    python docs/measure_seams.py [IMAGE PSF] [--iterations 30] [--acceleration none]

Without files it uses a phantom. Rows: this project's exact blocks, exchanging halos every half-step, every iteration
and every second one; its independent blocks, by their halo on each side in lengths of the PSF; and the usual recipe of
independent blocks that overlap by 0.6 of the PSF on each side, each restored as if it repeated. Errors are shares of
the whole result's maximum.
"""

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

import rlcore
from rlcore.testing.phantoms import phantom

COUNTS = {"offset": 0, "background": 0, "hot_pixels": "keep"}
"""What is cut must be the whole's: nothing is looked for in an image, nor in a part of it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="IMAGE PSF")
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--acceleration", default="none")
    parser.add_argument("--psf-energy", type=float, default=1.0)
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    image, psf = read(arguments.files, arguments.psf_energy)
    options = {name: getattr(arguments, name) for name in ("iterations", "acceleration", "backend")}
    whole = rlcore.deconvolve(image, psf, **COUNTS, **options)
    print(f"image {image.shape}, psf {psf.values.shape}, {arguments.iterations} iterations; difference to the whole:")
    for name, result in ways(image, psf, options):
        print(f"{name:58s} {np.abs(result - whole).max() / whole.max():8.1e}")
    periodic = rlcore.deconvolve(image, psf, boundary="periodic", **COUNTS, **options)
    seams = usual(image, psf, options)
    name = "independent, periodic, 0.6 PSF a side (to periodic whole)"
    print(f"{name:58s} {np.abs(seams - periodic).max() / periodic.max():8.1e}")


def read(files: list[str], energy: float) -> tuple[np.ndarray, rlcore.PSF]:
    if not files:
        made = phantom(shape=(48, 128, 128))
        return made.image, rlcore.prepare_psf(made.psf, energy=energy)
    import tifffile

    psf = rlcore.prepare_psf(tifffile.imread(files[1]), background="auto", centre="peak", energy=energy)
    return np.maximum(tifffile.imread(files[0]), 0), psf


def ways(image: np.ndarray, psf: rlcore.PSF, options: dict) -> Iterator[tuple[str, np.ndarray]]:
    """Names and results: exact blocks at three exchange intervals, then independent ones."""
    for half_steps, name in ((1, "half-step"), (2, "iteration"), (4, "second iteration")):
        halo = tuple(max(1, half_steps // 2) * (p - 1) for p in psf.values.shape)
        plan = in_eight(image, psf, options, half_steps, halo)
        yield f"exact, exchanged every {name}, 8 blocks", rlcore.deconvolve(image, psf, plan=plan, **COUNTS, **options)
    for reach in (0.6, 1.0, 1.5, 2.0, 2.5):
        halo = tuple(int(np.ceil(reach * p)) for p in psf.values.shape)
        plan = in_eight(image, psf, options, 2 * options["iterations"], halo)
        yield f"independent, {reach:g} PSF a side", rlcore.deconvolve(image, psf, plan=plan, **COUNTS, **options)


def in_eight(image: np.ndarray, psf: rlcore.PSF, options: dict, half_steps: int, halo: tuple[int, ...]) -> rlcore.Plan:
    """A plan that halves every axis, regardless of the memory."""
    plan = rlcore.make_plan(image.shape, psf.values.shape, **options)
    geometry = replace(plan.geometry, centre=psf.centre)
    core = tuple(-(-n // 2) for n in geometry.domain.shape)
    margin = tuple(p - 1 for p in geometry.psf_shape) if half_steps == 1 else tuple(2 * h for h in halo)
    block = rlcore.load_backend(plan.backend).fast_shape(tuple(k + m for k, m in zip(core, margin, strict=True)))
    return replace(
        plan,
        geometry=geometry,
        core_shape=core,
        block_shape=block,
        halo=halo,
        half_steps=half_steps,
        placement="host",
    )


def usual(image: np.ndarray, psf: rlcore.PSF, options: dict) -> np.ndarray:
    """The result of independent blocks, halves of every axis that overlap by 0.6 of the PSF, each as if it repeated."""
    result = np.zeros(image.shape, np.float32)
    for half in itertools.product(*[(0, 1)] * image.ndim):
        core, extent = [], []
        for i, n, p in zip(half, image.shape, psf.values.shape, strict=True):
            a, b, halo = (0, n // 2, round(0.6 * p)) if i == 0 else (n // 2, n, round(0.6 * p))
            core.append(slice(a, b))
            extent.append(slice(max(0, a - halo), min(n, b + halo)))
        block = rlcore.deconvolve(
            np.ascontiguousarray(image[tuple(extent)]), psf, boundary="periodic", **COUNTS, **options
        )
        result[tuple(core)] = block[
            tuple(slice(k.start - r.start, k.stop - r.start) for k, r in zip(core, extent, strict=True))
        ]
    return result


if __name__ == "__main__":
    main()
