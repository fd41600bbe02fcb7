"""Plans in blocks, whatever the memory."""

from dataclasses import replace

import numpy as np
from scenes import counts, gaussian

import rlcore

IMAGE, PSF = counts((30, 40, 44)), gaussian((5, 6, 7))
ITERATIONS = 4
OPTIONS = {"iterations": ITERATIONS, "backend": "numpy"}


def in_blocks(half_steps=1, backend="numpy", residence="host", keep=(15, 20, 25), **changes):
    """A plan that cuts every axis."""
    plan = rlcore.make_plan(IMAGE.shape, PSF.shape, iterations=ITERATIONS, backend=backend)
    halo = tuple(max(1, half_steps // 2) * (p - 1) for p in PSF.shape)
    margin = tuple(p - 1 for p in PSF.shape) if half_steps == 1 else tuple(2 * h for h in halo)
    block = tuple(k + m for k, m in zip(keep, margin, strict=True))
    made = {"block_shape": block, "keep_shape": keep, "halo": halo, "half_steps": half_steps, "residence": residence}
    return replace(plan, **(made | {"overlap": False} | changes))


def whole():
    """The result of one block."""
    return rlcore.deconvolve(IMAGE, PSF, **OPTIONS)


def voxels(plan):
    """Those that a block reads."""
    return int(np.prod(plan.block_shape))
