"""A volume in blocks, and the same volume whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.api.deconvolve import deconvolve
from rlcore.backend import Backend, SupportsResidence
from rlcore.planner.plan import Plan, Placement
from rlcore.testing.conformance.truth import blurred_spots
from rlcore.testing.conformance.whole import whole_plan

SEAM = 1e-5
"""How far blocks may be from the whole, as a share of the maximum: rounding."""

ITERATIONS = 4
IMAGE, PSF = (12, 20, 18), (3, 4, 5)
_PLACEMENTS: tuple[Placement, ...] = ("host", "device")


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
        plan_of_whole = whole_plan(backend, IMAGE, PSF, ITERATIONS, boundary, "heavy-ball")
        whole = deconvolve(image, psf, plan=plan_of_whole, **options)
        for placement in _PLACEMENTS if isinstance(backend, SupportsResidence) else _PLACEMENTS[:1]:
            plan = replace(_cut(plan_of_whole, backend, half_steps), placement=placement)
            assert min(plan.cut().counts) > 1
            seam = float(np.abs(deconvolve(image, psf, plan=plan, **options) - whole).max() / whole.max())
            assert seam <= SEAM, f"{boundary}, {half_steps} half-steps, {placement}: {seam:.1e} of the maximum"


def _cut(whole: Plan, backend: Backend[Any], half_steps: int) -> Plan:
    """Blocks of half the volume along every axis, with the halo that makes them exact."""
    lengths = whole.geometry.psf_shape
    halo = tuple(max(1, half_steps // 2) * (p - 1) for p in lengths)
    margin = tuple(p - 1 for p in lengths) if half_steps == 1 else tuple(2 * h for h in halo)
    keep = tuple(n // 2 + 1 for n in whole.geometry.domain.shape)
    block = backend.fast_shape(tuple(k + m for k, m in zip(keep, margin, strict=True)))
    return replace(whole, core_shape=keep, block_shape=tuple(block), halo=halo, half_steps=half_steps, overlap=True)
