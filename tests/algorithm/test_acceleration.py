"""Acceleration: the formulas, what they gain, and that they change nothing else."""

import itertools
import tracemalloc
from dataclasses import replace
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
import tifffile
from fixtures.bare import bare

import rlcore
from docs.measure_acceleration import curve
from rlcore.algorithm.host_fallback import HostFallbackWarning
from rlcore.algorithm.momentum import MomentumSchedule
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import confocal_psf
from rlcore.testing.phantoms import phantom
from rlcore.testing.reference import Microscope, biggs, heavy_ball, plain

DOUBLE = NumPyBackend(dtype="float64")
DATA = Path(__file__).parents[3] / "shared" / "data"


def bell(shape=(13, 13, 13), sigma=1.8):
    """A wide PSF that ends inside its box."""
    axes = np.meshgrid(*[np.arange(p) - p // 2 for p in shape], indexing="ij")
    return np.exp(-sum(axis**2 for axis in axes) / (2 * sigma**2))


def small(kind="filaments", photons=200.0, shape=(14, 26, 30)):
    return phantom(kind, shape, psf=bell((7, 9, 9), 1.1), photons=photons, seed=3)


REFERENCES = {"none": plain, "heavy-ball": heavy_ball, "biggs": biggs}
FAST = ["heavy-ball", "biggs"]


@pytest.mark.parametrize("acceleration", REFERENCES)
@pytest.mark.parametrize(("backend", "bound"), [("numpy", 1e-5), ("pyfftw", 1e-5), (DOUBLE, 1e-11)])
def test_it_follows_the_formula(acceleration, backend, bound):
    made = small()
    path = REFERENCES[acceleration](made.image, made.psf, background=5.0)
    expected = next(itertools.islice(path, 11, None))
    ours = no_camera.deconvolve(
        made.image, made.psf, iterations=12, acceleration=acceleration, background=5.0, backend=backend
    )
    assert np.abs(ours - expected).max() <= bound * expected.max()


@pytest.mark.parametrize(
    "backend",
    [
        NumPyBackend(),
        bare(NumPyBackend()),
        rlcore.load_backend("pyfftw"),
        bare(rlcore.load_backend("pyfftw")),
        ArrayAPIBackend(array_api_strict, name="strict"),
    ],
    ids=["numpy", "composed of numpy", "pyfftw", "composed of pyfftw", "array API"],
)
def test_a_prediction_extrapolates_keeps_what_is_held_and_never_makes_light_of_nothing(backend):
    rng = np.random.default_rng(0)
    f, before = rng.random((9, 10, 11), np.float32) ** 6 * 1e4, rng.random((9, 10, 11), np.float32) ** 6 * 1e4
    before[2] = f[2]
    f[:2] = before[0] = 0
    arrays = backend.upload(f), backend.upload(before)
    point = backend.download(backend.predict(*arrays, 0.75, share=0.7, out=arrays[1]))
    np.testing.assert_allclose(point, np.maximum(f + 0.75 * (f - before.astype(float)), 0.7 * f), rtol=2e-6)
    np.testing.assert_allclose(point[2], f[2], rtol=3e-7)
    assert not point[:2].any()
    np.testing.assert_array_equal(backend.download(arrays[0]), f)


@pytest.mark.filterwarnings("ignore::rlcore.algorithm.host_fallback.HostFallbackWarning")
@pytest.mark.parametrize("acceleration", FAST)
def test_backends_of_basic_operations_give_the_same(acceleration):
    made = small()
    options = {"iterations": 10, "acceleration": acceleration, "background": 5.0}
    composed = no_camera.deconvolve(made.image, made.psf, backend=bare(NumPyBackend()), **options)
    ours = no_camera.deconvolve(made.image, made.psf, backend=NumPyBackend(), **options)
    np.testing.assert_allclose(composed, ours, atol=1e-5 * ours.max())


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"acceleration": "biggs"}, "does not override inner_products, so acceleration 'biggs' uses NumPy on the host"),
        ({"regularization": "tv"}, "does not override smooth, so regularization 'tv' uses"),
        ({"regularization": "consensus"}, "does not override halve and agree, so regularization 'consensus'"),
    ],
)
def test_a_fallback_to_the_host_is_said(option, message):
    image = np.full((12, 12), 9.0, np.float32)
    with pytest.warns(HostFallbackWarning, match=f"backend 'numpy' {message}") as said:
        no_camera.deconvolve(image, bell((7, 7), 0.8), iterations=2, backend=bare(NumPyBackend()), **option)
    assert len(said) == 1


CASES = [
    ("filaments", bell(), 60.0),
    ("shells", confocal_psf((9, 9, 9)), 1000.0),
    ("beads", confocal_psf((9, 9, 9)), 60.0),
    ("beads", confocal_psf((9, 9, 9)), 1000.0),
]


@pytest.mark.parametrize("acceleration", FAST)
@pytest.mark.parametrize(("kind", "psf", "photons"), CASES, ids=lambda value: None if np.ndim(value) else str(value))
def test_it_fits_in_a_quarter_of_the_iterations(kind, psf, photons, acceleration):
    made, backend = phantom(kind, (16, 48, 48), psf=psf, photons=photons, seed=1), rlcore.load_backend("pyfftw")
    usual = curve(made, "none", 100, backend)[:, 0]
    ours = curve(made, acceleration, 30, backend)[:, 0]
    for many, few in ((10, 7), (25, 13), (50, 19), (100, 30)):
        assert ours[:few].min() <= usual[many - 1]


@pytest.mark.skipif(not (DATA / "bars").exists(), reason=f"no reference volumes at {DATA}")
@pytest.mark.parametrize(("iterations", "bound"), [(50, 0.71), (100, 0.69)])
def test_the_hollow_bars_come_out_better_than_by_plain_iterations(iterations, bound):
    image, psf, truth = (tifffile.imread(DATA / "bars" / f"{name}.tif") for name in ("image", "psf", "truth"))
    ours = no_camera.deconvolve(image, psf, iterations=iterations, acceleration="heavy-ball", backend="pyfftw")
    assert nrmse(ours, truth) <= bound


@pytest.mark.parametrize("acceleration", FAST)
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_single_precision_is_enough(backend, acceleration):
    made = small("shells")
    options = {"iterations": 100, "acceleration": acceleration, "background": 5.0}
    double = no_camera.deconvolve(made.image, made.psf, backend=DOUBLE, **options)
    ours = no_camera.deconvolve(made.image, made.psf, backend=backend, **options)
    assert np.abs(ours - double).max() <= 5e-4 * double.max()
    assert np.sqrt(np.mean((ours - double) ** 2)) <= 2e-4 * np.sqrt(np.mean(double**2))


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
@pytest.mark.parametrize(
    ("iterations", "option", "worst"),
    [
        (15, {"acceleration": "heavy-ball"}, 1e-3),
        (15, {"acceleration": "biggs"}, 1e-3),
        (30, {"acceleration": "none"}, 1e-3),
        (15, {"regularization": "tv"}, 1e-3),
        (15, {"regularization": "consensus"}, 4e-3),
    ],
)
def test_a_bright_bead_spoils_no_dim_field(backend, iterations, option, worst):
    """Beyond the reach of its light and of what that corrects, the field is within 1e-3 of double precision; by
    consensus all but one voxel in a thousand, since there rounding may decide whether two halves agree."""
    psf = confocal_psf((9, 9, 9))
    field = np.full((32, 56, 56), 5.0)
    field[16, 28, 28] += 1e6
    image = Microscope((24, 48, 48), psf).blur(field).astype(np.float32)
    double = no_camera.deconvolve(image, psf, backend=DOUBLE, iterations=iterations, **option)
    ours = no_camera.deconvolve(image, psf, backend=backend, iterations=iterations, **option)
    dim = np.abs(np.indices(image.shape) - np.reshape((12, 24, 24), (3, 1, 1, 1))).max(axis=0) > 8
    assert dim.mean() > 0.5
    error = np.abs(ours / double - 1)[dim]
    assert np.quantile(error, 0.999) <= 1e-3
    assert error.max() <= worst


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_scaling_the_image_scales_the_result(backend):
    made = small()
    options = {"iterations": 15, "acceleration": "heavy-ball", "backend": backend}
    one = no_camera.deconvolve(made.image, made.psf, **options)
    tiny = no_camera.deconvolve(made.image * np.float32(1e-6), made.psf, **options)
    assert np.abs(tiny * 1e6 - one).max() <= 1e-5 * one.max()


def test_a_constant_image_stays_constant():
    image = np.full((12, 20, 20), 7.0, np.float32)
    ours = no_camera.deconvolve(
        image, confocal_psf((5, 5, 5)), iterations=20, acceleration="heavy-ball", backend="numpy"
    )
    np.testing.assert_allclose(ours, 7.0, rtol=1e-4)


def test_the_momentum_of_heavy_ball_grows_from_nothing_towards_1():
    momenta = [MomentumSchedule("heavy-ball", DOUBLE, (8, 8)).momentum(k) for k in range(200)]
    assert momenta[:2] == [0.0, 0.25]
    assert all(a < b < 1 for a, b in itertools.pairwise(momenta))
    assert MomentumSchedule("none", DOUBLE, (8, 8)).momentum(7) is None


def test_the_momentum_of_biggs_is_in_the_info_and_stays_below_1():
    made = small()
    _, info = no_camera.deconvolve(
        made.image, made.psf, iterations=20, acceleration="biggs", backend="numpy", return_info=True
    )
    assert info.factors[:2] == (0.0, 0.0)
    assert all(0 < factor < 1 for factor in info.factors[2:])
    assert np.mean(info.factors[10:]) > 0.5


def test_biggs_is_refused_where_blocks_do_not_meet():
    image, psf = np.ones((40, 60), np.float32), confocal_psf((5, 5, 5))[2]
    options = {"iterations": 6, "acceleration": "biggs", "backend": "numpy"}
    with pytest.raises(rlcore.InputError, match="'biggs' needs sums over all blocks after every iteration"):
        no_camera.deconvolve(image, psf, exchange=False, **options)
    with pytest.raises(rlcore.InputError, match="'biggs' needs sums over all blocks after every iteration"):
        no_camera.make_plan(image.shape, psf.shape, exchange=False, **options)
    plan = no_camera.make_plan(image.shape, psf.shape, **options)
    plan = replace(plan, core_shape=(20, 30), block_shape=(44, 54), halo=(12, 12), half_steps=6)
    with pytest.raises(rlcore.InputError, match="plan of 6 half-steps between exchanges is too long"):
        no_camera.deconvolve(image, psf, plan=plan, **options)


def test_unknown_names_are_refused_with_those_that_exist():
    with pytest.raises(rlcore.InputError, match=r"'fast' is unknown; choose from 'heavy-ball', 'biggs', 'none'"):
        no_camera.deconvolve(np.ones((4, 4)), np.ones((3, 3)), acceleration="fast", backend="numpy")


@pytest.mark.filterwarnings("ignore::rlcore.algorithm.host_fallback.HostFallbackWarning")
@pytest.mark.parametrize("acceleration", FAST)
@pytest.mark.parametrize("backend", [NumPyBackend(), bare(NumPyBackend())], ids=["numpy", "bare"])
def test_the_plan_counts_the_memory_that_it_takes(backend, acceleration):
    image, psf = np.ones((40, 96, 96), np.float32), confocal_psf((9, 9, 9))
    options = {"iterations": 4, "backend": backend}
    plan = no_camera.make_plan(image.shape, psf.shape, acceleration=acceleration, **options)
    assert plan.memory_bytes > no_camera.make_plan(image.shape, psf.shape, acceleration="none", **options).memory_bytes
    assert f"4 iterations with {acceleration}" in str(plan)
    no_camera.deconvolve(image[:8], psf, acceleration=acceleration, **options)
    tracemalloc.start()
    no_camera.deconvolve(image, psf, plan=plan, acceleration=acceleration, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= plan.memory_bytes
