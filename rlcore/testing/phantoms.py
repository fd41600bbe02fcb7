"""Phantoms: images of objects that are known exactly, reproducible from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.backend.kit.fft_lengths import smooth_length
from rlcore.errors import InputError
from rlcore.optics.psf import prepare_psf
from rlcore.optics.psf_on_grid import on_grid
from rlcore.testing import drawing
from rlcore.testing.optics import wide_field_psf


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """An object that is known exactly, and the image that a microscope takes of it."""

    truth: Volume
    """Object inside the frame, float32, in expected counts: its blur plus the background is `expected`."""
    expected: Volume
    """Image without noise, float32, in counts."""
    image: Volume
    """Poisson counts about `expected`, float32."""
    psf: Volume
    """PSF that blurred it, float64, sum 1, centred at voxel P//2."""
    background: float
    """Expected counts of every voxel that do not come from the object."""
    photons: float
    """Expected counts of the object at the brightest voxel of the image."""


def filaments(shape: Shape, seed: int) -> Volume:
    """Long thin fibres that bend gently and cross one another and the canvas; float32, about 1 at their axis."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros(shape)
    size = np.array(shape, dtype=float)
    # Fibres are longer on a larger canvas; so a number that grows with its side keeps a projection equally full.
    count = 12 + int(np.prod(size) ** (1 / len(shape)) / 3)
    starts = rng.uniform(-0.1, 1.1, (count, len(shape))) * size
    tracks = drawing.wander(rng, starts, drawing.directions(rng, count, len(shape)), steps=int(3 * size.max()))
    drawing.fibres(canvas, tracks, rng.uniform(0.5, 1.0, count))
    return drawing.soften(canvas).astype(np.float32)


def shells(shape: Shape, seed: int) -> Volume:
    """Hollow ellipsoids of many sizes, some cut by the canvas; float32, 0.5 to 1 at their walls."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros(shape)
    size = np.array(shape, dtype=float)
    for _ in range(18):
        radii = size.min() * rng.uniform(0.06, 0.28) * rng.uniform(0.8, 1.25, len(shape))
        drawing.shell(canvas, rng.uniform(0, 1, len(shape)) * size, radii, rng.uniform(0.5, 1.0))
    return canvas.astype(np.float32)


def beads(shape: Shape, seed: int) -> Volume:
    """Small, sparse, bright spots at positions between voxels; float32, the brightest a few units."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros(shape)
    count = max(8, int(np.prod(shape) / (4000 if len(shape) == 3 else 250)))
    drawing.spots(canvas, rng.uniform(0, 1, (count, len(shape))) * shape, rng.uniform(0.3, 1.0, count))
    return drawing.soften(canvas).astype(np.float32)


def cells(shape: Shape, seed: int) -> Volume:
    """A cell and parts of its neighbours: nucleus and vesicles (shells), microtubules (fibres), puncta (spots)."""
    rng = np.random.default_rng(seed)
    walls, points = np.zeros(shape), np.zeros(shape)
    size, axes = np.array(shape, dtype=float), len(shape)
    places = [(0.5, 0.5), (-0.02, -0.06), (0.0, 1.04), (1.06, 0.06), (1.0, 1.06)]
    for row, column in places:
        middle = size * np.array([0.5, row, column])[-axes:] + size * rng.uniform(-0.02, 0.02, axes)
        radii = size * np.array([0.27, 0.39, 0.39])[-axes:] * rng.uniform(0.9, 1.05, axes)
        nucleus = radii * np.array([0.62, 0.36, 0.44])[-axes:]
        drawing.shell(walls, middle, nucleus, 0.3)
        for place in _in_cytoplasm(rng, 12, middle, nucleus, radii):
            drawing.shell(walls, place, rng.uniform(3.0, 7.5) * np.array([0.6, 1, 1])[-axes:], rng.uniform(0.4, 0.7))
        drawing.fibres(points, *_microtubules(rng, middle, nucleus, radii))
        puncta = _in_cytoplasm(rng, 45, middle, nucleus, radii)
        drawing.spots(points, puncta, rng.uniform(1.0, 3.0, len(puncta)))
    return (walls + drawing.soften(points)).astype(np.float32)


def _microtubules(rng: np.random.Generator, middle: Volume, nucleus: Volume, radii: Volume) -> tuple[Volume, Volume]:
    """Paths from the centrosome, which lies beside the nucleus, or from around the nucleus; and their brightness."""
    axes, count = len(radii), 44
    side = np.array([0.0, 0.6, 0.8])[-axes:] * rng.choice([-1, 1], axes)
    outward = drawing.directions(rng, count, axes)
    towards = drawing.directions(rng, count, axes)
    centrosome = np.arange(count) < 0.55 * count
    outward[centrosome] = side  # a little more than half start in one place, as in an interphase cell
    towards[~centrosome] += 0.7 * outward[~centrosome]
    starts = middle + 1.25 * outward * nucleus + 1.5 * rng.normal(size=(count, axes))
    reach = rng.uniform(0.78, 1.0, (count, 1))  # so that they do not pile up at the membrane
    steps = int(2.0 * radii.max() / drawing.STEP)
    track = drawing.wander(rng, starts, towards, steps, drawing.between(middle, nucleus * 1.12, radii * reach))
    along = np.arange(steps)[:, None] / (rng.uniform(0.4, 1.0, count) * steps)
    rise, fall = np.clip(7 * along, 0, 1), np.clip(12 * (1 - along), 0, 1)
    return track, rng.uniform(0.5, 1.0, count) * rise * fall


def _in_cytoplasm(rng: np.random.Generator, count: int, middle: Volume, nucleus: Volume, radii: Volume) -> Volume:
    # Rejection sampling in one draw: about 4 in 10 candidates lie in the cytoplasm, so 6 times `count` are plenty.
    places = middle + rng.uniform(-0.9, 0.9, (6 * count, len(radii))) * radii
    outside = np.linalg.norm((places - middle) / nucleus, axis=1) > 1.25
    inside = np.linalg.norm((places - middle) / radii, axis=1) < 0.92
    chosen: Volume = places[outside & inside][:count]
    return chosen


_KINDS: dict[str, Callable[[Shape, int], Volume]] = {
    "mixed": cells,
    "filaments": filaments,
    "shells": shells,
    "beads": beads,
}


def phantom(
    kind: str = "mixed",
    shape: Shape = (64, 160, 160),
    *,
    psf: Volume | None = None,
    photons: float = 200.0,
    background: float = 5.0,
    seed: int = 0,
) -> Phantom:
    """Make a phantom: an object on a canvas larger than the frame, blurred, cut to the frame, with Poisson noise.

    Parameters
    ----------
    kind : {"mixed", "filaments", "shells", "beads"}
        Kind of object; "mixed" is a cell among its neighbours, with all three.
    shape : tuple of int
        Voxels of the frame on 2 or 3 axes. Light comes in from as far outside it as the PSF reaches.
    psf : ndarray, optional
        A PSF on the axes of `shape`, centred at voxel P//2; `wide_field_psf` of 31 voxels on each axis if None.
    photons, background : float
        Expected counts of the object at the brightest voxel, and of every voxel besides.
    seed : int
        Seed of the object and of the noise, each from its own stream: another noise level shows the same object.

    Returns
    -------
    Phantom

    Raises
    ------
    InputError
        If the kind is not known, or the PSF cannot be used.
    """
    if kind not in _KINDS:
        raise InputError(f"phantom {kind!r} is not known; choose one of {', '.join(_KINDS)}")
    prepared = prepare_psf(wide_field_psf((31,) * len(shape)) if psf is None else psf, ndim=len(shape))
    canvas = tuple(n + p - 1 for n, p in zip(shape, prepared.values.shape, strict=True))
    frame = tuple(
        slice(p - 1 - c, p - 1 - c + n) for n, p, c in zip(shape, prepared.values.shape, prepared.centre, strict=True)
    )
    thing = _KINDS[kind](canvas, seed).astype(np.float64)
    grid = tuple(smooth_length(n) for n in canvas)  # the frame lies the PSF's reach inside: what wraps stays outside
    spectrum = np.fft.rfftn(thing, grid, axes=range(len(grid)))
    blurred = np.fft.irfftn(spectrum * np.fft.rfftn(on_grid(prepared, grid)), grid, axes=range(len(grid)))[frame]
    gain = photons / blurred.max()
    expected = np.maximum(gain * blurred, 0) + background
    image = np.random.default_rng((seed, 1)).poisson(expected)
    return Phantom(
        (gain * thing[frame]).astype(np.float32),
        expected.astype(np.float32),
        image.astype(np.float32),
        prepared.values,
        background,
        photons,
    )
