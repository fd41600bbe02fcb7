"""Total variation: the formula, what it keeps from happening, and its halo."""

import numpy as np
import pytest
from fixtures.bare import bare
from fixtures.examples import examples
from fixtures.scenes import counts, gaussian
from hypothesis import given
from hypothesis import strategies as st

import rlcore
from rlcore.algorithm.photon_noise import object_photons
from rlcore.algorithm.regularization import Prior, prior_of, tv_weight_for
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import wide_field_psf
from rlcore.testing.phantoms import phantom
from rlcore.testing.reference import Microscope

DOUBLE = NumPyBackend(dtype="float64")


def small(photons=200.0):
    return phantom("filaments", (14, 26, 30), psf=gaussian((7, 9, 9), 1.1), photons=photons, seed=3)


def divergence(f, slack, least):
    """Of the gradient brought to length 1; no light flows across the edge."""
    slopes = [np.diff(f, axis=axis, append=np.take(f, [-1], axis)) for axis in range(f.ndim)]
    length = np.sqrt(sum(slope**2 for slope in slopes) + (slack * f) ** 2) + least
    return sum(np.diff(slope / length, axis=axis, prepend=0) for axis, slope in enumerate(slopes))


def reference(made, iterations, weight, background):
    """Plain steps divided by what total variation asks for."""
    microscope = Microscope(made.image.shape, made.psf)
    start = float(made.image.mean(dtype=np.float64)) - background
    f = np.full(microscope.shape, start)
    for _ in range(iterations):
        f = microscope.step(made.image.astype(float), f, background) / (
            1 - weight * divergence(f, 12 * weight, 1e-6 * start)
        )
    return microscope.seen(f)


@pytest.mark.filterwarnings("ignore::rlcore.algorithm.host_fallback.HostFallbackWarning")
@pytest.mark.parametrize(
    ("backend", "bound"), [("numpy", 2e-5), ("pyfftw", 2e-5), (DOUBLE, 1e-6), (bare(NumPyBackend()), 2e-5)]
)
def test_it_follows_the_formula(backend, bound):
    made = small()
    options = {"regularization": "tv", "tv_weight": 0.02, "acceleration": "none", "background": 5.0}
    expected = reference(made, 10, 0.02, 5.0)
    ours = no_camera.deconvolve(made.image, made.psf, iterations=10, backend=backend, **options)
    plain = no_camera.deconvolve(
        made.image, made.psf, iterations=10, backend=DOUBLE, acceleration="none", background=5.0
    )
    assert np.abs(ours - expected).max() <= bound * expected.max()
    assert np.abs(plain - expected).max() > 100 * bound * expected.max()


def test_it_caps_the_damage_of_iterations_that_are_too_many():
    made = phantom("filaments", (16, 48, 48), psf=gaussian((9, 11, 11), 1.4), photons=60, seed=1)
    options = {"iterations": 150, "background": 5.0, "backend": "pyfftw"}
    without = nrmse(no_camera.deconvolve(made.image, made.psf, **options), made.truth)
    with_tv = nrmse(no_camera.deconvolve(made.image, made.psf, regularization="tv", **options), made.truth)
    assert with_tv < 0.8 * without


@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
def test_a_constant_image_stays_constant(boundary):
    image = np.full((10, 16, 16), 7.0, np.float32)
    options = {"regularization": "tv", "boundary": boundary, "backend": "numpy", "iterations": 10}
    ours = no_camera.deconvolve(image, gaussian((5, 5, 5)), **options)
    if boundary != "zero":  # where a constant image is none of a constant object
        np.testing.assert_allclose(ours, 7.0, rtol=1e-3)


def test_scaling_the_image_scales_the_result():
    made = small()
    options = {"iterations": 15, "regularization": "tv", "tv_weight": 0.002, "backend": "numpy"}
    one = no_camera.deconvolve(made.image, made.psf, **options)
    for factor in (1e-6, 1e6):
        scaled = no_camera.deconvolve(made.image * np.float32(factor), made.psf, **options)
        assert np.abs(scaled / factor - one).max() <= 2e-5 * one.max()


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_single_precision_is_enough(backend):
    made = small()
    options = {"iterations": 100, "regularization": "tv", "background": 5.0}
    double = no_camera.deconvolve(made.image, made.psf, backend=DOUBLE, **options)
    ours = no_camera.deconvolve(made.image, made.psf, backend=backend, **options)
    assert np.abs(ours - double).max() <= 5e-4 * double.max()
    assert np.sqrt(np.mean((ours - double) ** 2)) <= 2e-4 * np.sqrt(np.mean(double**2))


@examples(60)
@given(
    lengths=st.tuples(*[st.integers(1, 4)] * 3),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(30, 60)),
    boundary=st.sampled_from(rlcore.BOUNDARIES),
    acceleration=st.sampled_from(rlcore.ACCELERATIONS),
    share=st.floats(0, 1),
)
def test_blocks_read_the_neighbours_that_a_short_psf_does_not_reach(lengths, shape, boundary, acceleration, share):
    image, psf = counts(shape, seed=1) + 1, gaussian(lengths, 0.8)
    options = {"iterations": 3, "regularization": "tv", "boundary": boundary, "acceleration": acceleration}
    whole = no_camera.deconvolve(image, psf, backend=DOUBLE, tv_weight=0.05, **options)
    plan = no_camera.make_plan(shape, lengths, backend=DOUBLE, **options)
    least = rlcore.planner.FIXED + image.nbytes  # what blocks of a voxel need at the least is not much more
    try:
        memory = int(least + share * (plan.memory_bytes - least))
        blocks = no_camera.deconvolve(image, psf, backend=DOUBLE, tv_weight=0.05, memory=memory, **options)
    except rlcore.BudgetError:
        return
    assert np.abs(blocks - whole).max() <= 1e-11 * whole.max()


@pytest.mark.parametrize("half_steps", [1, 2, 4])
@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize("lengths", [(1, 1), (2, 1), (1, 3), (2, 2), (5, 4)])
def test_every_plan_of_the_planner_leaves_room_for_the_stencil(lengths, boundary, half_steps):
    """Plans made by the planner's own figures, at a cut that is forced."""
    from dataclasses import replace

    from rlcore.planner.candidates import candidates_of, halo_for
    from rlcore.planner.requirements import Job

    image, psf = counts((24, 30), seed=2) + 1, gaussian(lengths, 0.8)
    options = {"iterations": 4, "regularization": "tv", "boundary": boundary, "acceleration": "none"}
    whole = no_camera.make_plan(image.shape, lengths, backend=DOUBLE, **options)
    job = Job(whole.geometry, 4, regularization="tv")
    halo = halo_for(job, half_steps, None)
    ways = candidates_of(job, DOUBLE, half_steps, halo)
    candidate = ways.candidate(len(ways.voxels) // 2, "host")
    plan = replace(
        whole, block_shape=candidate.block_shape, core_shape=candidate.core_shape, halo=candidate.halo,
        half_steps=half_steps, placement="host",
    )  # fmt: skip
    assert not plan.is_whole
    expected = no_camera.deconvolve(image, psf, backend=DOUBLE, plan=whole, **options)
    ours = no_camera.deconvolve(image, psf, backend=DOUBLE, plan=plan, **options)
    assert np.abs(ours - expected).max() <= 1e-11 * expected.max()


def test_array_api_libraries_smooth_as_numpy_does():
    import array_api_strict

    made = small()
    options = {"iterations": 5, "regularization": "tv"}
    strict = no_camera.deconvolve(
        made.image, made.psf, backend=ArrayAPIBackend(array_api_strict, name="strict"), **options
    )
    ours = no_camera.deconvolve(made.image, made.psf, backend="numpy", **options)
    np.testing.assert_allclose(strict, ours, atol=1e-5 * ours.max())


@pytest.mark.parametrize("weight", [0.0, -0.01, 0.2, "much"])
def test_weights_that_steps_are_not_stable_with_are_refused(weight):
    with pytest.raises(rlcore.InputError, match=r"tv_weight .* is not a number above 0 and up to 0\.1"):
        no_camera.deconvolve(np.ones((4, 4)), np.ones((3, 3)), regularization="tv", tv_weight=weight, backend="numpy")


def test_a_weight_without_total_variation_is_refused():
    with pytest.raises(rlcore.InputError, match="give regularization='tv' with it"):
        no_camera.deconvolve(np.ones((4, 4)), np.ones((3, 3)), tv_weight=0.01, backend="numpy")
    with pytest.raises(rlcore.InputError, match="'more' is unknown; choose from 'none', 'tv', 'consensus'"):
        no_camera.deconvolve(np.ones((4, 4)), np.ones((3, 3)), regularization="more", backend="numpy")


def test_the_weight_follows_the_light_and_the_size_of_the_psf():
    narrow, wide = gaussian((15, 15, 15), 1.0), gaussian((15, 15, 15), 2.0)
    assert tv_weight_for(1600.0, wide) == pytest.approx(tv_weight_for(100.0, wide) / 8)
    # twice the width is eight times the volume
    assert tv_weight_for(100.0, wide) == pytest.approx(tv_weight_for(800.0, narrow), rel=0.02)
    assert tv_weight_for(1e-9, wide) == 0.002
    for photons in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(rlcore.InputError, match="by which tv_weight cannot be chosen"):
            tv_weight_for(photons, wide)


def test_a_weight_by_light_does_not_depend_on_the_scale_of_the_image():
    made = small(photons=1000.0)
    weights = [
        tv_weight_for(object_photons(scale * made.image, scale, background=scale * made.background), made.psf)
        for scale in (1.0, 0.01, 300.0)
    ]
    assert weights == pytest.approx([weights[0]] * 3, rel=1e-4)


def test_auto_is_chosen_once_and_nothing_else_is_changed():
    psf = gaussian((7, 9, 9), 1.1)
    chosen = prior_of("tv", "auto", 3).with_weight_for(900.0, psf)
    assert chosen == Prior("tv", tv_weight_for(900.0, psf), 3)
    for prior in (prior_of("tv", 0.01, 0), prior_of("consensus", None, 0)):
        assert prior.with_weight_for(20.0, psf) is prior


@pytest.mark.parametrize("kind", ["filaments", "shells"])
@pytest.mark.parametrize("photons", [15, 1000])
def test_a_weight_by_light_helps_at_low_light_and_costs_nothing_at_high_light(kind, photons):
    psf = rlcore.prepare_psf(wide_field_psf((15, 21, 21)), background="auto")
    made = phantom(kind, (16, 48, 48), psf=psf.values, photons=photons, background=0.05 * photons, seed=5)
    weight = tv_weight_for(object_photons(made.image, 1.0, background=made.background), made.psf)
    best = {}
    for tv_weight in (None, weight, 0.002):
        name = {} if tv_weight is None else {"regularization": "tv", "tv_weight": tv_weight}
        best[tv_weight] = [
            nrmse(
                no_camera.deconvolve(
                    made.image, made.psf, iterations=n, background=made.background, backend="pyfftw", **name
                ),
                made.truth,
            )
            for n in ((8, 11, 15, 30) if photons == 15 else (25, 35, 50))
        ]
    assert min(best[weight]) < 1.02 * min(best[None])
    if photons == 15:
        assert best[weight][-1] < 0.97 * best[None][-1]
    elif kind == "shells":
        assert min(best[0.002]) > 1.1 * min(best[weight])
