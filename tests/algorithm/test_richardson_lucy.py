"""The loop on one block: the adjoint, the light it accounts for, and the arrays it holds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from fixtures import reference
from fixtures.doubles import CountingBackend, FusedCountingBackend, PredictingCountingBackend
from fixtures.scenes import cell, counts, random_psf

import rlcore
from rlcore.algorithm.boundary import Geometry, Weights
from rlcore.algorithm.richardson_lucy import Data, IterationContext, Model, State, iterate
from rlcore.backend import IterationOptions, LiveArrays
from rlcore.backend.adapter import adapt
from rlcore.optics.psf_on_grid import on_device
from rlcore.testing import no_camera

PARITIES = [
    *(((9 + a, 9 + b), (4 + c, 4 + d)) for a, b, c, d in [(0, 0, 0, 1), (0, 1, 1, 1), (1, 0, 0, 0), (1, 1, 1, 0)]),
    *itertools.product([(7, 7, 8), (8, 8, 7)], [(4, 4, 5), (5, 5, 4)]),
]
LARGER = [((6, 7), (9, 12)), ((5, 4, 6), (3, 9, 8))]
"""Shapes of images and PSFs, odd and even, on 2 and 3 axes; and PSFs larger than the image."""

OPERATORS = [
    *((boundary, *shapes) for boundary in rlcore.BOUNDARIES for shapes in PARITIES),
    *((boundary, *shapes) for boundary in ("extended", "periodic") for shapes in LARGER),  # "zero" trims them before
]


def block_of(geometry, backend):
    return geometry.minimum_shape if geometry.wraps else backend.fast_shape(geometry.minimum_shape)


def embedded(volume, geometry, block, box):
    """A volume at its place in the block that the whole estimate is in."""
    grid = np.zeros(block)
    grid[box.slices(geometry.domain.start)] = volume
    return grid


@pytest.mark.parametrize("name", ["numpy", "pyfftw"])
@pytest.mark.parametrize(("boundary", "shape", "psf_shape"), OPERATORS, ids=str)
def test_correlating_is_the_adjoint_of_blurring_and_both_are_the_direct_sums(name, boundary, shape, psf_shape):
    rng = np.random.default_rng(1)
    psf = random_psf(psf_shape, tuple(int(rng.integers(p)) for p in psf_shape))
    geometry, backend = Geometry(shape, psf_shape, psf.centre, boundary), rlcore.load_backend(name)
    block = block_of(geometry, backend)
    otf = backend.otf(on_device(backend, psf, block), block)
    x, y = rng.random(geometry.domain.shape), rng.random(shape)
    inside = geometry.image.slices(geometry.domain.start)
    everywhere = geometry.domain.slices(geometry.domain.start)
    whole = backend.upload(embedded(x, geometry, block, geometry.domain))
    image = backend.upload(embedded(y, geometry, block, geometry.image))
    forward = backend.download(backend.convolve(whole, otf))[inside].astype(np.float64)
    backward = backend.download(backend.correlate(image, otf))[everywhere].astype(np.float64)
    assert np.vdot(forward, y) == pytest.approx(np.vdot(x, backward), rel=1e-5)
    if boundary == "zero":  # the direct sum knows of the zeros outside
        arms = list(zip(*geometry.reach, strict=True))
        x = np.pad(x, arms)
        backward = np.pad(backward, arms)
    np.testing.assert_allclose(forward, reference.blur(x, psf.values, psf.centre, shape, boundary), atol=2e-6)
    np.testing.assert_allclose(backward, reference.correlate(y, psf.values, psf.centre, boundary), atol=2e-6)


@pytest.mark.parametrize("name", ["numpy", "pyfftw"])
@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
def test_the_model_holds_the_light_of_the_data_from_the_second_iteration_on(name, boundary):
    """Sums of H f on the image: the whole estimate is looked at, beyond the frame too."""
    scene = cell((12, 30, 31), (5, 8, 7))
    psf = rlcore.prepare_psf(scene.psf)
    geometry, backend = Geometry(scene.image.shape, scene.psf.shape, psf.centre, boundary), rlcore.load_backend(name)
    block = block_of(geometry, backend)
    otf = backend.otf(on_device(backend, psf, block), block)
    model = Model(otf, 0.0, 1e-8 * float(scene.image.max()))
    box = replace(geometry.domain, stop=tuple(a + n for a, n in zip(geometry.domain.start, block, strict=True)))
    table = Weights(psf.values, geometry).of(box)
    weight = None if table is None else backend.expand(table.values, table.index)
    start = np.full(geometry.domain.shape, scene.image.mean())
    estimate = backend.upload(embedded(start, geometry, block, geometry.domain))
    image = backend.upload(embedded(scene.image, geometry, block, geometry.image))
    data = Data(image, backend.mask(None if geometry.wraps else geometry.image.seen_from(box), block))
    inside = geometry.image.slices(geometry.domain.start)
    states = iterate(backend, State(estimate, estimate), data, weight, model, [IterationContext()] * 8)
    for done, current in enumerate(states, start=1):
        blurred = backend.download(backend.convolve(current.estimate, otf))[inside]
        if done >= 2:
            assert blurred.sum(dtype=np.float64) == pytest.approx(scene.image.sum(dtype=np.float64), rel=1e-3)


@pytest.mark.parametrize(
    ("made", "half", "stated"),
    [
        (FusedCountingBackend, False, LiveArrays(4, 1)),
        (FusedCountingBackend, True, LiveArrays(3, 1)),
        (CountingBackend, False, LiveArrays(5, 3)),
        (CountingBackend, True, LiveArrays(3, 3)),
    ],
    ids=["fused", "fused, by halves", "composed", "composed, by halves"],
)
def test_no_more_and_no_fewer_arrays_are_alive_than_is_stated(made, half, stated):
    assert adapt(made()).live_arrays(IterationOptions(half)) == stated
    assert alive(made(), half, "none") == stated


@pytest.mark.parametrize("half", [False, True], ids=["whole", "by halves"])
@pytest.mark.parametrize("made", [CountingBackend, FusedCountingBackend, PredictingCountingBackend])
def test_acceleration_holds_what_is_stated(made, half):
    """A composed prediction makes an array of -1, which is gone before a half-step needs the most."""
    held = alive(made(), half, "heavy-ball")
    stated = adapt(made()).live_arrays(IterationOptions(half, momentum=True))
    assert held.spectra == stated.spectra
    assert stated.reals - 1 <= held.reals <= stated.reals


def alive(backend, half, acceleration):
    image, psf = counts((24, 26)), random_psf((5, 6), (2, 3))
    options = {"iterations": 4, "acceleration": acceleration, "backend": backend}
    plan = no_camera.make_plan(image.shape, (5, 6), **options)
    if half:
        core = (12, 16)
        block = tuple(k + p - 1 for k, p in zip(core, (5, 6), strict=True))
        plan = replace(plan, block_shape=block, core_shape=core, halo=(4, 5), half_steps=1, overlap=False)
    no_camera.deconvolve(image, psf, plan=plan, **options)
    return LiveArrays(backend.most["real"], backend.most["spectrum"])
