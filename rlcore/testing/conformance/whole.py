"""The plan for a whole volume at once, without a look at what is free."""

from __future__ import annotations

from typing import Any

from rlcore.algorithm.acceleration import Acceleration
from rlcore.algorithm.boundary import Geometry, check_boundary
from rlcore.algorithm.regularization import Regularization
from rlcore.backend import Backend, Shape, on_host
from rlcore.planner import Plan
from rlcore.planner.budget import Budget

_AMPLE = Budget(1 << 50, "not asked")


def whole_plan(
    backend: Backend[Any],
    image_shape: Shape,
    psf_shape: Shape,
    iterations: int,
    boundary: str,
    acceleration: Acceleration,
    regularization: Regularization = "none",
) -> Plan:
    """One block for a volume and a PSF, centred at P//2, that surely fit."""
    full = Geometry(image_shape, psf_shape, tuple(p // 2 for p in psf_shape), check_boundary(boundary))
    geometry = full.trimmed()
    least = geometry.minimum_shape
    return Plan(
        geometry=geometry,
        iterations=iterations,
        backend=backend.name,
        device=backend.device,
        on_host=on_host(backend),
        block_shape=least if geometry.wraps else tuple(backend.fast_shape(least)),
        core_shape=geometry.domain.shape,
        halo=(0,) * len(least),
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
        regularization=regularization,
    )
