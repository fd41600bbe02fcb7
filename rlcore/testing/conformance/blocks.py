"""A volume in blocks, and the same volume whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rlcore.backend import Backend, SupportsResidence
from rlcore.boundary import BOUNDARIES, Boundary, Geometry, check_boundary
from rlcore.deconvolve import deconvolve, make_plan
from rlcore.planner import Plan
from rlcore.testing.conformance.truth import blurred_spots

SEAM = 1e-5
"""How far blocks may be from the whole, as a share of the maximum: rounding."""

ITERATIONS = 4
IMAGE, PSF = (12, 20, 18), (3, 4, 5)


class Blocks:
    """What the planner does when memory is short, on this backend."""

    @pytest.mark.parametrize("boundary", BOUNDARIES)
    @pytest.mark.parametrize("half_steps", [1, 2, 2 * ITERATIONS])
    def test_blocks_equal_the_whole(self, backend: Backend[Any], boundary: str, half_steps: int) -> None:
        """A volume that was cut into blocks is not what it is whole; seams would show.

        Where the whole is right, look at what cuts and places blocks: `cut`, `paste`, `read`, `write`, `full`,
        `expand`, and at transforms of one shape that disturb each other.
        """
        image, psf = blurred_spots(IMAGE, PSF)
        options: Any = {"backend": backend, "iterations": ITERATIONS, "boundary": boundary, "background": 1.0}
        whole = deconvolve(image, psf, memory="1 TiB", **options)
        for residence in ("host", "device") if isinstance(backend, SupportsResidence) else ("host",):
            plan = replace(_plan(backend, check_boundary(boundary), half_steps), residence=residence)
            assert min(plan.cut().counts) > 1
            seam = float(np.abs(deconvolve(image, psf, plan=plan, **options) - whole).max() / whole.max())
            assert seam <= SEAM, f"{boundary}, {half_steps} half-steps, {residence}: {seam:.1e} of the maximum"


def _plan(backend: Backend[Any], boundary: Boundary, half_steps: int) -> Plan:
    """Blocks of half the volume along every axis, with the halo that makes them exact."""
    plan = make_plan(IMAGE, PSF, backend=backend, iterations=ITERATIONS, boundary=boundary, memory="1 TiB")
    geometry = Geometry(IMAGE, PSF, tuple(p // 2 for p in PSF), boundary).trimmed()
    halo = tuple(max(1, half_steps // 2) * (p - 1) for p in geometry.psf_shape)
    margin = tuple(p - 1 for p in geometry.psf_shape) if half_steps == 1 else tuple(2 * h for h in halo)
    keep = tuple(n // 2 + 1 for n in geometry.domain.shape)
    block = backend.fast_shape(tuple(k + m for k, m in zip(keep, margin, strict=True)))
    return replace(
        plan,
        geometry=geometry,
        keep_shape=keep,
        block_shape=tuple(block),
        halo=halo,
        half_steps=half_steps,
        overlap=True,
    )
