"""Computing a point spread function from the properties of a microscope."""

from __future__ import annotations

import math

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError, PSFModelError
from rlcore.optics.microscope import Microscope
from rlcore.optics.models import PSFModel, checked, load_model

DEFAULT_MODEL = "gibson-lanni"

_PARTS = 8
"""Samples of a pixel along each axis for a disc's area, which is right within 1 % from 0.6 Airy units on."""

_MOST_SAMPLES = 1 << 30
"""Most samples of a grid that resolves the pinhole."""
_IN_NANOMETRES = 50.0
"""Airy radii in a pixel from which on its size is taken for one in nanometres; cameras have pixels of 0.1 to 5."""
_MOST_HEIGHTS = 1 << 16
"""Most heights at which the brightest is looked for."""


def generate_psf(
    microscope: Microscope,
    shape: Shape,
    voxel: tuple[float, ...],
    *,
    model: str | PSFModel = DEFAULT_MODEL,
    focus: str = "brightest",
) -> Volume:
    """Compute the PSF of a microscope.

    Parameters
    ----------
    microscope : Microscope
        Objective, light, specimen and technique.
    shape : tuple of int
        Voxels along z, y, x, or along y, x for the plane in focus. The centre is voxel P//2. Planes follow one another
        as the focus goes deeper into the specimen.
    voxel : tuple of float
        Micrometres along z, y, x, or along y, x; along z those that the stage moves.
    model : str or callable
        A name that `survey_models` lists, or a `PSFModel` itself.
    focus : {"brightest", "nominal"}
        The focus that lies in plane P//2: the brightest point of the axis, or the point where paraxial rays meet. They
        differ with spherical aberration.

    Returns
    -------
    ndarray
        float64, sum 1, sampled at the middle of each voxel. Light that leaves `shape` is cut off.

    Raises
    ------
    InputError
        If a shape, voxel size or focus is impossible.
    PSFModelError
        If the model is not known, or fails.
    """
    _check(shape, voxel, focus)
    if min(voxel[-2:]) > _IN_NANOMETRES * microscope.airy_radius:
        raise InputError(
            f"voxel {voxel!r} is in nanometres, it seems, since the objective resolves {microscope.airy_radius:.2g} "
            f"µm; give micrometres: {tuple(step / 1000 for step in voxel)!r}"
        )
    compute = load_model(model) if isinstance(model, str) else checked(model, f"psf model {_called(model)}")
    lateral, pixel = shape[-2:], (voxel[-2], voxel[-1])
    planes = shape[0] if len(shape) == 3 else 1
    heights = (np.arange(planes) - planes // 2) * (voxel[0] if len(shape) == 3 else 0.0)
    if focus == "brightest" and microscope.aberrated:
        heights = heights + _brightest(microscope, compute, pixel)
    psf = _record(microscope, compute, heights, lateral, pixel)
    # products of models may vanish or overflow where each of them has light
    if not 0 < float(psf.sum()) < math.inf:
        raise PSFModelError(
            f"psf model {_called(model)} gave no light in shape {shape!r} with voxels of {voxel!r}; give others"
        )
    unit: Volume = (psf / psf.sum()).reshape(shape)
    return unit


def _called(model: str | PSFModel) -> str:
    return repr(model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__))


def default_shape(microscope: Microscope, voxel: tuple[float, ...]) -> Shape:
    """Odd lengths that hold most of the light, in voxels along the axes of `voxel` (micrometres).

    They reach three focal depths and four Airy radii to each side; more along z with aberrations, and up to eight Airy
    radii across where light out of focus is recorded.
    """
    # Aberrated light is spread between the paraxial and the marginal focus; the brightest plane lies between the two.
    along = 3 * microscope.focal_depth + abs(microscope.marginal_shift) / 2
    cone = along * microscope.na / math.sqrt(microscope.index**2 - microscope.na**2)
    across = min(max(4 * microscope.airy_radius, cone / 2), 8 * microscope.airy_radius)
    if microscope.technique == "confocal":
        across = 4 * microscope.airy_radius
    if microscope.sheet is not None and microscope.technique == "light-sheet":
        along = min(along, 1.5 * microscope.sheet)
    reaches = (along, across, across)[-len(voxel) :]
    return tuple(2 * math.ceil(reach / step) + 1 for reach, step in zip(reaches, voxel, strict=True))


def _check(shape: Shape, voxel: tuple[float, ...], focus: str) -> None:
    if len(shape) not in (2, 3) or len(shape) != len(voxel) or min(shape) < 1:
        raise InputError(f"shape {shape!r} with voxels of {voxel!r} is not a psf's; give 2 or 3 lengths of each")
    if not all(0 < step < math.inf for step in voxel):
        raise InputError(f"voxel {voxel!r} is not positive; give micrometres along each axis")
    if focus not in ("brightest", "nominal"):
        raise InputError(f"focus {focus!r} is not known; choose brightest or nominal")


def _record(
    microscope: Microscope, model: PSFModel, heights: Volume, shape: Shape, pixel: tuple[float, float]
) -> Volume:
    """Recorded intensity of a point at each height: detection PSF times excitation."""
    if microscope.technique != "confocal":
        detected = model(microscope, microscope.wavelength, heights.tolist(), shape, pixel)
        if microscope.technique == "light-sheet":
            detected = detected * _sheet(microscope, heights)[:, None, None]
        return detected
    excited = model(microscope, microscope.excitation or microscope.wavelength, heights.tolist(), shape, pixel)
    return excited * _through_pinhole(microscope, model, heights, shape, pixel)


def _sheet(microscope: Microscope, heights: Volume) -> Volume:
    """Excitation by a Gaussian light sheet, which is brightest in plane P//2, where the objective is focused."""
    # exp(-4 ln 2 z^2 / w^2) falls to half at z = w / 2: w is the full width at half maximum.
    lit: Volume = np.exp(-4 * math.log(2) * (heights - heights[len(heights) // 2]) ** 2 / (microscope.sheet or 1) ** 2)
    return lit


def _through_pinhole(
    microscope: Microscope, model: PSFModel, heights: Volume, shape: Shape, pixel: tuple[float, float]
) -> Volume:
    """Detection PSF convolved with the pinhole's image in the specimen, on a finer grid where voxels are coarse."""
    radius = microscope.pinhole * microscope.airy_radius
    if radius == 0:
        return model(microscope, microscope.wavelength, heights.tolist(), shape, pixel)
    # A grid finer than 0.3 Airy radii resolves the PSF; odd factors put a fine sample on the middle of every voxel.
    finer = [2 * math.ceil(step / (0.3 * microscope.airy_radius)) - 1 for step in pixel]
    fine = (pixel[0] / finer[0], pixel[1] / finer[1])
    reach = [math.ceil(radius / step) + 1 for step in fine]  # a pixel more, for the disc's rim
    whole = tuple(2 * (size // 2 * f + r) + 1 for size, f, r in zip(shape, finer, reach, strict=True))
    disc = math.prod((2 * r + 1) * _PARTS for r in reach)
    if (samples := max(math.prod(whole) * len(heights), disc)) > _MOST_SAMPLES:
        raise InputError(
            f"pinhole {microscope.pinhole:g} on voxels of {pixel!r} needs {samples} samples; give a smaller one, or "
            "finer voxels"
        )
    detected = model(microscope, microscope.wavelength, heights.tolist(), whole, fine)
    axes = range(1, 3)
    grid = tuple(size + 2 * r for size, r in zip(whole, reach, strict=True))
    spectrum = np.fft.rfftn(detected, grid, axes) * np.fft.rfftn(_disc(radius, reach, fine), grid, range(2))
    gathered = np.fft.irfftn(spectrum, grid, axes)
    picked = [
        size // 2 + r + (np.arange(n) - n // 2) * f for size, r, n, f in zip(whole, reach, shape, finer, strict=True)
    ]
    return np.maximum(gathered[:, picked[0][:, None], picked[1]], 0)  # rounding leaves dark voxels below 0


def _disc(radius: float, reach: list[int], pixel: tuple[float, float]) -> Volume:
    """Share of each pixel that a disc covers."""
    y, x = ((np.arange((2 * r + 1) * _PARTS) + 0.5) / _PARTS - r - 0.5 for r in reach)
    inside = np.hypot(y[:, None] * pixel[0], x * pixel[1]) <= radius
    covered: Volume = inside.reshape(2 * reach[0] + 1, _PARTS, -1, _PARTS).mean(axis=(1, 3))
    return covered


def _brightest(microscope: Microscope, model: PSFModel, pixel: tuple[float, float]) -> float:
    """Height at which the axis is brightest, found on a coarse grid and then on a fine one about the best."""
    best, step = 0.0, microscope.focal_depth / 8
    reach = abs(microscope.marginal_shift) + 2 * microscope.focal_depth
    for _ in range(2):
        count = math.ceil(reach / step)
        if count > _MOST_HEIGHTS:
            raise InputError(f"depth {microscope.depth!r} spreads the focus over {reach:.3g} µm; give a smaller one")
        heights = np.arange(-count, count + 1) * step + best
        axis = model(microscope, microscope.wavelength, heights.tolist(), (1, 1), pixel)[:, 0, 0]
        best = float(heights[axis.argmax()])
        reach, step = step, step / 16
    return best
