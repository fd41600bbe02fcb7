"""Whole restorations: against double precision, and in blocks against the whole."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import array_api_compat.numpy
import numpy as np
import numpy.typing as npt
import pytest

from rlcore.algorithm.acceleration import Acceleration
from rlcore.algorithm.boundary import BOUNDARIES, Geometry, check_boundary
from rlcore.algorithm.camera import Camera
from rlcore.backend import Backend, Shape, Volume
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.optics.psf import PSF
from rlcore.planner.budget import Budget
from rlcore.planner.plan import Plan
from rlcore.testing.no_camera import deconvolve

ERRORS = {20: 1e-5, 100: 3e-5}
"""Maximum error after so many iterations, relative to the maximum: that of single precision, and no more."""

SEAM = 1e-5
"""Maximum difference between blocks and the whole, relative to the maximum: rounding."""

PROBLEMS: tuple[tuple[Shape, Shape], ...] = (((41, 38), (8, 9)), ((9, 16, 21), (5, 6, 7)))
BACKGROUND = 3.0
ITERATIONS = 4
IMAGE, LENGTHS = (12, 20, 18), (3, 4, 5)
_AMPLE = Budget(1 << 50, "not asked")


class Truth:
    """Restorations by this backend, and by NumPy in double precision."""

    @pytest.mark.parametrize("iterations", ERRORS)
    @pytest.mark.parametrize("boundary", BOUNDARIES)
    def test_restorations_agree_with_double_precision(
        self, engine: Backend[Any], boundary: str, iterations: int
    ) -> None:
        """A restoration differs from that of double precision by more than the rounding of single precision.

        If a test of an operation fails too, mend that first. If this one fails alone, something computes in less than
        float32: half precision, tensor cores, fast arithmetic, or a transform with poor twiddle factors.
        """
        for image_shape, psf_shape in PROBLEMS:
            image, psf = blurred_spots(image_shape, psf_shape)
            plan = whole_plan(engine, image_shape, psf_shape, iterations, boundary, "none")
            options: Any = {"iterations": iterations, "boundary": boundary, "background": BACKGROUND, "plan": plan}
            options["acceleration"] = "none"
            restored = deconvolve(image, psf, backend=engine, **options)
            truth = reference(image_shape, psf_shape, boundary, iterations)
            assert restored.shape == image.shape
            assert restored.dtype == engine.facts.dtype
            error = float(np.abs(restored - truth).max() / truth.max())
            assert error <= ERRORS[iterations], f"{image_shape}, {boundary}: error {error:.1e} of the maximum"
        if boundary == "extended" and iterations == 20:
            error = _error_through_a_camera(engine)
            assert error <= ERRORS[20], f"an offset taken off, and voxels that are no data: {error:.1e} of the maximum"


class Blocks:
    """Volumes in blocks, as when memory is short, against the same volumes whole."""

    @pytest.mark.parametrize("boundary", BOUNDARIES)
    @pytest.mark.parametrize("half_steps", [1, 2, 2 * ITERATIONS])
    def test_blocks_equal_the_whole(self, engine: Backend[Any], boundary: str, half_steps: int) -> None:
        """The result in blocks differs from that of the whole volume, so seams would show.

        If the whole is right, check the operations that move blocks (`cut`, `paste`, `read`, `write`, `full`,
        `expand`), and transforms of one shape that disturb each other.
        """
        image, psf = blurred_spots(IMAGE, LENGTHS)
        options: Any = {"backend": engine, "iterations": ITERATIONS, "boundary": boundary, "background": 1.0}
        plan_of_whole = whole_plan(engine, IMAGE, LENGTHS, ITERATIONS, boundary, "heavy-ball")
        whole = deconvolve(image, psf, plan=plan_of_whole, **options)
        for placement in ("host", "device"):
            plan = replace(_in_blocks(plan_of_whole, engine, half_steps), placement=placement)
            assert min(plan.tiling().counts) > 1
            seam = float(np.abs(deconvolve(image, psf, plan=plan, **options) - whole).max() / whole.max())
            assert seam <= SEAM, f"{boundary}, {half_steps} half-steps, {placement}: {seam:.1e} of the maximum"
        if boundary == "extended" and half_steps <= 2:
            seam = _seam_through_a_camera(engine, half_steps)
            assert seam <= SEAM, f"an offset taken off, and voxels that are no data: {seam:.1e} of the maximum"


def _error_through_a_camera(engine: Backend[Any]) -> float:
    """Difference from double precision where an offset is taken off and some voxels are no data."""
    image_shape, psf_shape = PROBLEMS[1]
    image, psf = blurred_spots(image_shape, psf_shape)
    options: Any = {"iterations": 20, "background": BACKGROUND, "offset": Camera(100.0, 1.0, 2.0)}
    options |= {"weights": counting(image_shape), "acceleration": "none"}
    plan = replace(whole_plan(engine, image_shape, psf_shape, 20, "extended", "none"), weighted=True)
    restored = deconvolve(image + 100, psf, backend=engine, plan=plan, **options)
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    truth = deconvolve(image + 100, psf, backend=double, **options)
    return float(np.abs(restored - truth).max() / truth.max())


def _seam_through_a_camera(engine: Backend[Any], half_steps: int) -> float:
    """Difference of blocks from the whole, likewise."""
    image, psf = blurred_spots(IMAGE, LENGTHS)
    options: Any = {"backend": engine, "iterations": ITERATIONS, "background": 1.0, "offset": Camera(100.0, 1.0)}
    options["weights"] = counting(IMAGE)
    plan_of_whole = replace(whole_plan(engine, IMAGE, LENGTHS, ITERATIONS, "extended", "heavy-ball"), weighted=True)
    whole = deconvolve(image + 100, psf, plan=plan_of_whole, **options)
    plans = (replace(_in_blocks(plan_of_whole, engine, half_steps), placement=each) for each in ("host", "device"))
    found = (deconvolve(image + 100, psf, plan=plan, **options) for plan in plans)
    return max(float(np.abs(blocks - whole).max() / whole.max()) for blocks in found)


def counting(shape: Shape) -> npt.NDArray[np.bool_]:
    """Data weights: a twentieth of the voxels are no data."""
    return np.random.default_rng(1).random(shape) > 0.05


@lru_cache(maxsize=8)
def blurred_spots(image_shape: Shape, psf_shape: Shape) -> tuple[Volume, PSF]:
    """Spots blurred by an asymmetric PSF, fading towards the borders, without noise.

    Iterations amplify noise and light from outside the frame, and with them the rounding, on any hardware.
    """
    rng = np.random.default_rng(sum(image_shape))
    axes = np.meshgrid(*[np.arange(p) - p // 2 for p in psf_shape], indexing="ij")
    bell = np.exp(-4 * sum((axis / (p / 2)) ** 2 for axis, p in zip(axes, psf_shape, strict=True)))
    psf = bell * np.prod([1 + 0.5 * np.tanh(axis) for axis in axes], axis=0)  # unlike its mirror image
    psf /= psf.sum()
    fading = np.prod(
        np.meshgrid(*[np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in image_shape], indexing="ij"), 0
    )
    spots = rng.random(image_shape) ** 4 * 100 * fading
    padded = np.zeros(image_shape)
    padded[tuple(slice(p) for p in psf_shape)] = psf
    blurred = np.fft.ifftn(np.fft.fftn(spots) * np.fft.fftn(padded)).real
    return (np.maximum(blurred, 0) + BACKGROUND).astype(np.float32), PSF(psf, tuple(p // 2 for p in psf_shape))


@lru_cache(maxsize=64)
def reference(image_shape: Shape, psf_shape: Shape, boundary: Any, iterations: int) -> Volume:
    """Restoration in double precision."""
    double = ArrayAPIBackend(array_api_compat.numpy, name="double", dtype="float64")
    image, psf = blurred_spots(image_shape, psf_shape)
    restored: Volume = deconvolve(
        image,
        psf,
        backend=double,
        iterations=iterations,
        acceleration="none",
        boundary=boundary,
        background=BACKGROUND,
    )
    return restored


def whole_plan(
    engine: Backend[Any],
    image_shape: Shape,
    psf_shape: Shape,
    iterations: int,
    boundary: str,
    acceleration: Acceleration,
) -> Plan:
    """The plan of one block for a volume and a PSF centred at P//2, whatever memory is free."""
    full = Geometry(image_shape, psf_shape, tuple(p // 2 for p in psf_shape), check_boundary(boundary))
    geometry = full.trimmed()
    minimum = geometry.minimum_shape
    return Plan(
        geometry=geometry,
        iterations=iterations,
        backend=engine.name,
        device=engine.device,
        on_host=engine.facts.on_host,
        block_shape=minimum if geometry.wraps else tuple(engine.fast_shape(minimum)),
        core_shape=geometry.domain.shape,
        halo=(0,) * len(minimum),
        half_steps=2 * iterations,
        placement="host",
        overlap=False,
        device_bytes=0,
        device_budget=_AMPLE,
        host_bytes=0,
        host_budget=_AMPLE,
        scratch_bytes=0,
        overhead=0.0,
        acceleration=acceleration,
    )


def _in_blocks(whole: Plan, engine: Backend[Any], half_steps: int) -> Plan:
    """Blocks of half the volume along every axis, with the halo that makes them exact."""
    lengths = whole.geometry.psf_shape
    halo = tuple(max(1, half_steps // 2) * (p - 1) for p in lengths)
    margin = tuple(p - 1 for p in lengths) if half_steps == 1 else tuple(2 * h for h in halo)
    keep = tuple(n // 2 + 1 for n in whole.geometry.domain.shape)
    block = engine.fast_shape(tuple(k + m for k, m in zip(keep, margin, strict=True)))
    return replace(whole, core_shape=keep, block_shape=tuple(block), halo=halo, half_steps=half_steps, overlap=True)
