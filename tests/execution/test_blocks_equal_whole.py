"""Whatever the plan, the result is that of the whole volume."""

import math
import re
from dataclasses import replace

import array_api_compat.numpy
import numpy as np
import pytest
from fixtures.examples import examples
from hypothesis import example, given
from hypothesis import strategies as st

import rlcore
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.testing import no_camera

BACKENDS = {
    dtype: ArrayAPIBackend(array_api_compat.numpy, name="numpy", dtype=dtype) for dtype in ("float32", "float64")
}
WORK = 2e7
"""Voxels of all blocks times iterations: what one example may cost."""


@st.composite
def problems(draw):
    """Image and PSF shapes, odd and even, 2D and 3D; a 3D one is long along one axis only, to be quick."""
    ndim = draw(st.integers(2, 3))
    long_axis = draw(st.integers(0, ndim - 1))
    sizes = [st.integers(1, 80) if ndim == 2 or axis == long_axis else st.integers(1, 20) for axis in range(ndim)]
    lengths = [st.integers(1, 31) if ndim == 2 or axis == long_axis else st.integers(1, 8) for axis in range(ndim)]
    shape, psf_shape = draw(st.tuples(*sizes)), draw(st.tuples(*lengths))
    return {
        "shape": shape,
        "psf_shape": psf_shape,
        "centre": draw(st.tuples(*(st.integers(0, p - 1) for p in psf_shape))),
        "boundary": draw(st.sampled_from(rlcore.BOUNDARIES)),
        "iterations": draw(st.integers(1, 4)),
        "background": draw(st.sampled_from((0.0, 3.0))),
        "seed": draw(st.integers(0, 2**16)),
    }


@st.composite
def cuts(draw):
    """Which share of each axis a block keeps, the half-steps between exchanges, and where volumes live."""
    return {
        "shares": draw(st.lists(st.sampled_from((0.26, 0.35, 0.5, 0.7, 1.0)), min_size=3, max_size=3)),
        "spare": draw(st.lists(st.integers(0, 2), min_size=3, max_size=3)),
        "sweep": draw(st.integers(0, 4)),
        "placement": draw(st.sampled_from(("host", "scratch", "device"))),
        "overlap": draw(st.booleans()),
    }


def image_of(problem):
    rng = np.random.default_rng(problem["seed"])
    return rng.poisson(30, problem["shape"]).astype(np.float32) + 1


def psf_of(problem):
    """Random values about a random centre.

    The centre holds at least a tenth of the light: where voxels at the border hardly reach the image, weights and
    ratios are large and amplify rounding, whatever the plan.
    """
    values = np.random.default_rng(problem["seed"] + 1).random(problem["psf_shape"]) ** 3
    values *= 0.9 / values.sum()
    values[problem["centre"]] += 0.1
    values /= values.sum()
    return rlcore.PSF(values, problem["centre"])


def restore(problem, psf, backend, **options):
    chosen = {key: problem[key] for key in ("iterations", "boundary", "background")}
    return no_camera.deconvolve(image_of(problem), psf, backend=backend, **chosen, **options)


def whole_plan(problem, psf, backend):
    """The plan for one block, with the geometry that a run of this PSF has."""
    options = {key: problem[key] for key in ("iterations", "boundary")}
    plan = no_camera.make_plan(problem["shape"], problem["psf_shape"], backend=backend, memory="1 TiB", **options)
    full = rlcore.algorithm.boundary.Geometry(problem["shape"], problem["psf_shape"], psf.centre, problem["boundary"])
    geometry = full.trimmed()
    block = geometry.minimum_shape if geometry.wraps else backend.fast_shape(geometry.minimum_shape)
    none = (0,) * len(block)
    return replace(plan, geometry=geometry, block_shape=block, core_shape=geometry.domain.shape, halo=none)


def plan_in_blocks(problem, cut, psf, backend):
    """A plan with these cuts; axes are left whole, last first, until the work is bearable."""
    plan = whole_plan(problem, psf, backend)
    geometry, intervals = plan.geometry, (1, *range(2, 2 * problem["iterations"] + 1, 2))
    steps = intervals[min(cut["sweep"], len(intervals) - 1)]
    domain, lengths = geometry.domain.shape, geometry.psf_shape
    keep = [max(1, math.ceil(n * share)) for n, share in zip(domain, cut["shares"], strict=False)]
    while True:
        is_cut = [k < n for k, n in zip(keep, domain, strict=True)]
        halo = tuple(max(1, steps // 2) * (p - 1) if c else 0 for p, c in zip(lengths, is_cut, strict=True))
        margin = [p - 1 if steps == 1 else 2 * h for p, h in zip(lengths, halo, strict=True)]
        block = tuple(
            k + m + extra if c else n + (0 if geometry.wraps else extra)
            for k, m, extra, c, n in zip(keep, margin, cut["spare"], is_cut, geometry.minimum_shape, strict=False)
        )
        blocks = math.prod(-(-n // k) for n, k in zip(domain, keep, strict=True))
        if math.prod(block) * blocks * plan.iterations <= WORK or not any(is_cut):
            break
        last = max(axis for axis, c in enumerate(is_cut) if c)
        keep[last] = domain[last]
    return replace(
        plan,
        core_shape=tuple(keep),
        block_shape=block,
        halo=halo,
        half_steps=steps,
        placement=cut["placement"],
        overlap=cut["overlap"],
    )


def difference(a, b):
    return np.abs(a - b).max() / b.max()


THIN = {"shape": (1, 80), "psf_shape": (31, 2), "centre": (30, 1), "background": 0.0, "seed": 1}
HALVES = {"spare": [0, 1, 2], "placement": "host", "overlap": False}


@examples(120)
@given(problem=problems(), cut=cuts())
@example(THIN | {"boundary": "extended", "iterations": 4}, HALVES | {"shares": [0.5, 0.5, 1.0], "sweep": 0})
@example(THIN | {"boundary": "periodic", "iterations": 3}, HALVES | {"shares": [1.0, 0.26, 1.0], "sweep": 3})
def test_blocks_equal_the_whole_to_the_last_digits_of_float64(problem, cut):
    backend, psf = BACKENDS["float64"], psf_of(problem)
    plan = plan_in_blocks(problem, cut, psf, backend)
    whole = restore(problem, psf, backend, plan=whole_plan(problem, psf, backend))
    assert whole.dtype == np.float64
    assert difference(restore(problem, psf, backend, plan=plan), whole) <= 1e-12


@examples(80)
@given(problem=problems(), cut=cuts())
def test_blocks_equal_the_whole_to_float32_rounding(problem, cut):
    backend, psf = BACKENDS["float32"], psf_of(problem)
    plan = plan_in_blocks(problem, cut, psf, backend)
    whole = restore(problem, psf, backend, plan=whole_plan(problem, psf, backend))
    assert whole.dtype == np.float32
    assert difference(restore(problem, psf, backend, plan=plan), whole) <= 1e-5


@examples(60)
@given(problem=problems(), share=st.floats(0, 1))
def test_any_budget_gives_the_same_result_or_names_the_least_that_does(problem, share):
    backend, psf = BACKENDS["float32"], psf_of(problem)
    most = whole_plan(problem, psf, backend).memory_bytes
    memory = max(1, int(share * most))
    try:
        blocks = restore(problem, psf, backend, memory=memory)
    except rlcore.BudgetError as error:
        memory = re.search(r"the smallest that would do is (\d+ MiB)$", str(error))[1]
        blocks = restore(problem, psf, backend, memory=memory)
    assert difference(blocks, restore(problem, psf, backend, plan=whole_plan(problem, psf, backend))) <= 1e-5


@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize("half_steps", [1, 2, 6, 12])
def test_a_volume_cut_along_every_axis_equals_the_whole(boundary, half_steps):
    """Blocks really meet here in all directions, corners included, over several exchanges."""
    problem = {
        "shape": (20, 27, 24),
        "psf_shape": (4, 5, 3),
        "centre": (2, 2, 1),
        "boundary": boundary,
        "iterations": 6,
        "background": 2.0,
        "seed": 5,
    }
    backend, psf = BACKENDS["float64"], psf_of(problem)
    sweep = (1, 2, 4, 6, 8, 10, 12).index(half_steps)
    cut = {"shares": [0.5, 0.35, 0.5], "spare": [1, 0, 2], "sweep": sweep, "placement": "host", "overlap": True}
    plan = plan_in_blocks(problem, cut, psf, backend)
    assert plan.half_steps == half_steps
    assert min(plan.tiling().counts) >= 2
    whole = restore(problem, psf, backend, plan=whole_plan(problem, psf, backend))
    assert difference(restore(problem, psf, backend, plan=plan), whole) <= 1e-12


@pytest.mark.parametrize("half_steps", [1, 2, 4])
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_bright_points_in_the_dark_near_the_faces_of_blocks_spoil_nothing(backend, half_steps):
    """Where a block's blur lacks what lies beyond its faces it may be 0 where the image is not. No ratio is taken
    there: it would be so large that the rounding of its transform changed the whole block."""
    rng = np.random.default_rng(2)
    places = rng.integers(0, 78, (12, 2))
    scene = np.zeros((78, 78))
    scene[tuple(places.T)] = rng.uniform(1e3, 1e5, 12)
    axis = np.arange(15) - 7
    psf = np.exp(-(axis[:, None] ** 2 + axis**2) / 4.5)
    image = np.zeros((64, 64))
    for z, y in np.ndindex(15, 15):
        image += psf[z, y] / psf.sum() * scene[z : z + 64, y : y + 64]
    image = np.floor(image).astype(np.float32)
    options = {"iterations": 20, "acceleration": "none", "backend": backend}
    plan = no_camera.make_plan(image.shape, psf.shape, **options)
    halo = (max(1, half_steps // 2) * 14,) * 2
    block = tuple(39 + (14 if half_steps == 1 else 2 * h) for h in halo)
    plan = replace(plan, core_shape=(39, 39), block_shape=block, halo=halo, half_steps=half_steps, placement="host")
    blocks = no_camera.deconvolve(image, psf, plan=plan, **options)
    assert difference(blocks, no_camera.deconvolve(image, psf, **options)) <= 5e-6
