"""Measure what is made of images from cameras whose offset and gain nobody gave.

    python docs/measure_cameras.py [bars] [hot] [negative] [--draws 3] [--backend pyfftw]

`bars`: 36 cases (3 PSFs, 4 objects, 15, 60 and 1000 photons), each through a camera that is drawn at random, a few
through none; restored without options, with the camera known, with its offset given, and with the offset left in as
background. `hot`: hot pixels found, missed and found where there are none, and what they cost. `negative`: what to do
with values below the offset. Errors are NRMSE after the best gain, against the truth.
"""

import argparse
import itertools
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from measure_acceleration import path

import rlcore
from rlcore.algorithm.camera import Camera, estimate_camera, find_hot_pixels
from rlcore.optics import Microscope, generate_psf
from rlcore.testing.metrics import nrmse
from rlcore.testing.phantoms import Phantom, phantom
from rlcore.testing.reference import heavy_ball

SHAPE = (24, 72, 72)
VOXEL = (0.2, 0.1, 0.1)
LONGEST = 80
TABLES = ("bars", "hot", "negative")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help=", ".join(TABLES))
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--draws", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", rlcore.PSFWarning)  # small PSFs, which image and restoration have in common
    backend = rlcore.load_backend(rlcore.choose_backend(arguments.backend).backend.name)
    for name in arguments.tables or TABLES:
        {"bars": bars, "hot": hot, "negative": negative}[name](backend, arguments.draws)


def psfs() -> dict[str, np.ndarray]:
    water = Microscope(na=1.2, wavelength=0.525, index=1.33)
    pinhole = replace(water, technique="confocal", pinhole=0.0)
    oil = Microscope(na=1.4, wavelength=0.6, index=1.515)
    shapes = {"water": (water, (19, 25, 25)), "confocal": (pinhole, (11, 15, 15)), "oil": (oil, (19, 25, 25))}
    return {name: generate_psf(scope, shape, VOXEL) for name, (scope, shape) in shapes.items()}


@dataclass(frozen=True)
class Case:
    """A phantom and the image of it that a camera took, or that was normalised."""

    name: str
    made: Phantom
    image: np.ndarray
    camera: Camera
    """The true one."""


def record(made: Phantom, camera: Camera, seed: int) -> np.ndarray:
    """The image of a phantom by a camera, in whole numbers."""
    noise = np.random.default_rng(seed).normal(0, camera.read_noise, made.image.shape) if camera.read_noise else 0
    return np.clip(np.rint(camera.gain * made.image + camera.offset + noise), 0, 65535).astype(np.uint16)


def cases(draw: int, kinds=("filaments", "shells", "beads", "mixed"), lights=(15, 60, 1000)) -> Iterator[Case]:
    """The cases of a draw: objects, noise and cameras are all drawn anew."""
    rng = np.random.default_rng((21, draw))
    for number, ((name, psf), kind, photons) in enumerate(itertools.product(psfs().items(), kinds, lights)):
        light = float(rng.uniform(1, 6))
        made = phantom(kind, SHAPE, psf=psf, photons=photons, background=light, seed=int(rng.integers(1 << 30)))
        gain = float(np.exp(rng.uniform(np.log(0.3), np.log(3))))
        offset = 0.0 if rng.random() < 0.2 else round(float(rng.uniform(0, 1000)))
        read_noise = gain * float(rng.choice([0.0, 1.0, 2.0])) if offset else 0.0
        if number % 9 == 8:  # never seen by a camera: normalised
            gain, offset, read_noise = float(1 / made.image.max()), 0.0, 0.0
        camera = Camera(offset, gain, read_noise, gain * light)
        image = (gain * made.image).astype(np.float32) if gain < 0.2 else record(made, camera, number)
        yield Case(f"{kind}, {name}, {photons}", made, image, camera)


def restored(image: np.ndarray, psf: np.ndarray, backend, **options):
    """The result of one call, without the words about what was found, and its info."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rlcore.ImageWarning)
        return rlcore.deconvolve(image, psf, backend=backend, return_info=True, **options)


def known(camera: Camera) -> dict:
    """The options of someone who knows the camera and the light that is everywhere."""
    return {"offset": camera, "background": camera.background}


def best(case: Case, backend) -> tuple[float, int]:
    """The least error along the path of iterations with the true camera, and where it is."""
    camera = case.camera
    seen = np.maximum(case.image - np.float64(camera.zero), 0).astype(np.float32)
    light = camera.background + camera.pedestal
    errors: list[float] = []
    made = replace(case.made, image=seen)
    for estimate, _ in itertools.islice(path(made, "heavy-ball", backend, background=light), LONGEST):
        errors.append(nrmse(estimate, made.truth))
        if len(errors) - int(np.argmin(errors)) > 12:
            break
    return min(errors), int(np.argmin(errors)) + 1


def bars(backend, draws: int) -> None:
    print(
        "\n| case | camera | found | best | known | no options | offset given | left in | over the best | over known |"
    )
    print("|---" * 10 + "|")
    over, handled, guided, left = [], [], [], []
    for case in itertools.chain.from_iterable(map(cases, range(draws))):
        made, true = case.made, case.camera
        least, at = best(case, backend)
        seen = {
            "known": known(true),
            "none": {},
            "guide": {"offset": true.offset},
            "left": {"offset": 0.0, "gain": true.gain, "background": true.offset + true.background},
        }
        ends = {name: restored(case.image, made.psf, backend, **options) for name, options in seen.items()}
        errors = {name: nrmse(result, made.truth) for name, (result, _) in ends.items()}
        over.append(errors["none"] / least)
        handled.append(errors["none"] / errors["known"])
        guided.append(errors["guide"] / errors["none"])
        left.append(errors["left"] / errors["known"])
        each = " | ".join(f"{errors[name]:.3f} at {info.iterations}" for name, (_, info) in ends.items())
        info = ends["none"][1]
        found = f"{info.offset:.4g}, {info.gain or math.nan:.3g}, {info.background:.3g}"
        print(
            f"| {case.name} | {_said(true)} | {found} | {least:.3f} at {at} | {each} | {over[-1] - 1:.1%} | "
            f"{handled[-1] - 1:.1%} |",
            flush=True,
        )
    for number, what, values, bar in (
        (1, "no options, over the camera known", handled, 1.1),
        (0, "offset left in, over the camera known", left, 1.1),
        (2, "the offset given, over no options", guided, 1.0),
        (3, "no options, over the best", over, 1.1),
    ):
        below = sum(round(value, 2) <= bar for value in values)
        print(f"{number or ' '}: {what}: at most {bar} in {below} of {len(values)}, worst {max(values):.2f}")


def _said(camera: Camera) -> str:
    gain = "none" if camera.gain is None else f"{camera.gain:.3g}"
    return f"{camera.zero:.4g}, {gain}, {camera.background:.3g}"


def hot(backend, draws: int, share: float = 0.004) -> None:
    """Hot columns of 15 to 150 photons: found, taken for hot by mistake, and what they cost, kept and left out."""
    print("\n| case | hot columns | found | false of 1000 | without | kept | left out |")
    print("|---" * 7 + "|")
    costs, wrong = [], []
    for case in itertools.chain.from_iterable(cases(draw, lights=(60, 1000)) for draw in range(draws)):
        if case.camera.gain < 0.2:
            continue
        made, camera, rng = case.made, case.camera, np.random.default_rng(5)
        there = rng.random(SHAPE[1:]) < share
        level = np.where(there, rng.uniform(15, 150, SHAPE[1:]), 0)
        image = case.image + np.rint(camera.gain * rng.poisson(level, SHAPE)).astype(case.image.dtype)
        found = find_hot_pixels(image, np.asarray)
        tries = (case.image, "keep"), (image, "keep"), (image, "find")
        errors = [nrmse(restored(each, made.psf, backend, hot_pixels=how)[0], made.truth) for each, how in tries]
        costs.append(errors[2] / errors[0])
        wrong.append(1000 * np.mean(found & ~there))
        print(
            f"| {case.name} | {there.sum()} | {(found & there).sum()} | {wrong[-1]:.2f} | "
            f"{' | '.join(f'{each:.3f}' for each in errors)} |",
            flush=True,
        )
    print(
        f"\n4: left out, over without: at most 1.05 in {sum(round(x, 2) <= 1.05 for x in costs)} of {len(costs)}, "
        f"worst {max(costs):.2f}; at most 1 false of 1000 in {sum(x <= 1 for x in wrong)}"
    )


def negative(_, draws: int, steps: int = 40) -> None:
    """Values below the offset: clipped, kept until the correction is clamped, shifted by the read noise's variance."""
    print("\n| case | read noise, photons | clipped | kept | shifted | shifted, estimated | offset left in |")
    print("|---|---|---|---|---|---|---|")
    lights, noises = (3, 8, 15, 60), (1.6, 3.5)
    names, kinds = ("water", "confocal"), ("filaments", "beads")
    for draw, kind, name, photons, noise in itertools.product(range(draws), kinds, names, lights, noises):
        psf = psfs()[name][4:-4, 4:-4, 4:-4]
        made = phantom(kind, (20, 64, 64), psf=psf, photons=photons, background=1.0, seed=11 + draw)
        camera = Camera(100.0, 0.46, 0.46 * noise, 0.46)
        image = record(made, camera, 4 + draw).astype(float)
        found = estimate_camera(image, np.asarray)
        light = camera.background
        tries = [(np.maximum(image - 100, 0), light), (image - 100, light), (image, 100 + light)]
        tries[2:2] = [(np.maximum(image - c.zero, 0), c.background + c.pedestal) for c in (camera, found)]
        print(f"| {kind}, {name}, {photons} | {noise} | {' | '.join(_least(made, *each, steps) for each in tries)} |")


def _least(made: Phantom, image: np.ndarray, light: float, steps: int) -> str:
    path_of = itertools.islice(heavy_ball(image, made.psf, background=light), steps)
    errors = [nrmse(each, made.truth) for each in path_of]
    return f"{min(errors):.3f} at {int(np.argmin(errors)) + 1}"


if __name__ == "__main__":
    main()
