"""Measure two methods that are left out: back projectors that are not the adjoint, and geometric extrapolation.

    python docs/measure_left_out.py [unmatched] [geometric]

It uses NumPy in double precision, and of the package only phantoms, metrics and the reference. Back projectors after
Guo et al. 2020 (Nat. Biotechnol. 38, 1337), Wiener-Butterworth: with the published alpha and beta of 0.001 and gentler
ones, cut off where the PSF's own spectrum falls to a tenth.
"""

import argparse
import itertools

import numpy as np

from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import confocal_psf, wide_field_psf
from rlcore.testing.phantoms import phantom
from rlcore.testing.reference import FLOOR, Microscope

SHAPE = (24, 56, 56)
STEPS = (1, 2, 3, 5, 10, 25)
SETTINGS = {"published": (0.001, 0.001, 10), "gentle": (0.05, 0.05, 6), "very gentle": (0.3, 0.3, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help="unmatched, geometric")
    tables = parser.parse_args().tables or ["unmatched", "geometric"]
    for table in tables:
        {"unmatched": unmatched, "geometric": geometric}[table]()


def cases():
    psfs = {"wide field": wide_field_psf((15, 15, 15)), "confocal": confocal_psf((11, 11, 11))}
    for kind, (name, psf) in itertools.product(("filaments", "beads"), psfs.items()):
        psf = np.maximum(psf - np.median(psf[0]), 0)
        yield f"{kind}, {name}", phantom(kind, SHAPE, psf=psf / psf.sum(), photons=200)


def unmatched() -> None:
    print(f"\nNRMSE after {', '.join(map(str, STEPS))} iterations:")
    print(f"| case | adjoint | {' | '.join(SETTINGS)} |\n|---|" + "---|" * (1 + len(SETTINGS)))
    for name, made in cases():
        told = [run(made, None), *(run(made, setting) for setting in SETTINGS.values())]
        print(f"| {name} | {' | '.join(told)} |")


def run(made, setting) -> str:
    """NRMSE along a run with one back projector; "lost" once the estimate is all but 0, infinite or not a number."""
    microscope, image = Microscope(made.image.shape, made.psf), made.image.astype(np.float64)
    back = microscope.adjoint if setting is None else projector(microscope, *setting)
    reach = np.maximum(back(np.ones(image.shape)), 1e-3)
    estimate = np.full(microscope.shape, image.mean() - made.background)
    errors = []
    for n in range(1, STEPS[-1] + 1):
        ratio = image / np.maximum(microscope.blur(estimate) + made.background, FLOOR * image.max())
        estimate = estimate * np.maximum(back(ratio) / reach, 0)
        if n in STEPS:
            seen = microscope.seen(estimate)
            good = np.isfinite(seen).all() and seen.max() < 1e6 * image.max() and seen.max() > 0
            errors.append(f"{nrmse(seen, made.truth):.3f}" if good else "lost")
    return " ".join(errors)


def projector(microscope: Microscope, alpha: float, beta: float, order: int):
    """Make a back projection by the Wiener filter of the PSF, times a Butterworth filter at the resolution limit."""
    otf = np.fft.fftn(np.fft.ifftshift(embedded(microscope)))
    strength = np.abs(otf)
    frequencies = np.meshgrid(*map(np.fft.fftfreq, microscope.shape), indexing="ij")
    radius = sum((f / cutoff(strength, axis)) ** 2 for axis, f in enumerate(frequencies))
    wiener = np.conj(otf) / (strength**2 + alpha)
    ripple = 1 / beta**2 - 1
    filtered = wiener / np.sqrt(1 + ripple * radius**order)
    filtered = filtered / np.abs(filtered).max()
    axes = tuple(range(strength.ndim))

    def back(ratio: np.ndarray) -> np.ndarray:
        padded = np.zeros(microscope.shape)
        padded[microscope._image] = ratio
        shifted = np.roll(padded, [-r for r in microscope.reach], axes)
        return np.fft.ifftn(np.fft.fftn(shifted) * filtered).real

    return back


def embedded(microscope: Microscope) -> np.ndarray:
    """The PSF in the middle of the object's grid."""
    whole = np.zeros(microscope.shape)
    middle = tuple(
        slice(n // 2 - p // 2, n // 2 - p // 2 + p) for n, p in zip(whole.shape, microscope.psf.shape, strict=True)
    )
    whole[middle] = microscope.psf
    return whole


def cutoff(strength: np.ndarray, axis: int, least: float = 0.1) -> float:
    """The first frequency of an axis at which the OTF falls below a share of its maximum."""
    line = strength[tuple(slice(None) if a == axis else 0 for a in range(strength.ndim))]
    half = line[: len(line) // 2]
    below = np.flatnonzero(half < least * half[0])
    return (below[0] if below.size else len(half)) / len(line)


def geometric() -> None:
    """Compare heavy ball by sums and by powers: iterations that fit as well as plain ones, and the best NRMSE."""
    print("\nIterations that reach the I-divergence of 10, 25 and 50 plain ones; best NRMSE within 40:")
    print("| case | f + c (f - f_prev) | f (f / f_prev)^c |\n|---|---|---|")
    for name, made in cases():
        goal = follow(made, None, 50)[[9, 24, 49], 0]
        told = []
        for way in ("sum", "power"):
            path = follow(made, way, 40)
            reached = [int((path[:, 0] <= one).argmax()) + 1 if (path[:, 0] <= one).any() else -1 for one in goal]
            told.append(f"{' '.join(map(str, reached))}; {path[:, 1].min():.3f}")
        print(f"| {name} | {' | '.join(told)} |")


def follow(made, way: str | None, iterations: int) -> np.ndarray:
    """I-divergence and NRMSE after each iteration."""
    microscope, image = Microscope(made.image.shape, made.psf), made.image.astype(np.float64)
    estimate = previous = np.full(microscope.shape, image.mean() - made.background)
    told = []
    for k in range(1, iterations + 1):
        point, c = estimate, (k - 1) / (k + 2)
        if way == "sum":
            point = np.maximum(estimate + c * (estimate - previous), 0.75 * estimate)
        elif way == "power":
            share = estimate / np.where(previous > 0, previous, 1)
            point = estimate * np.clip(np.where(previous > 0, share, 1) ** c, 0.1, 4)
        estimate, previous = microscope.step(image, point, made.background), estimate
        model = np.maximum(microscope.blur(estimate) + made.background, 1e-8)
        log = np.log(np.where(image > 0, image, 1) / np.where(image > 0, model, 1))
        told.append((np.mean(image * log - image + model), nrmse(microscope.seen(estimate), made.truth)))
    return np.array(told)


if __name__ == "__main__":
    main()
