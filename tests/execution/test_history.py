"""What is told of a run: how well the model fitted, iteration by iteration."""

import itertools

import numpy as np
import pytest
from fixtures.doubles import CountingBackend
from fixtures.every_parity import BACKENDS, plan_in_blocks, problem, restore, sample_every

import rlcore
from rlcore.testing import no_camera
from rlcore.testing.metrics import i_divergence
from rlcore.testing.phantoms import phantom
from rlcore.testing.reference import Microscope


def gaussian(shape=(5, 7, 7)):
    axes = np.meshgrid(*[np.arange(p) - p // 2 for p in shape], indexing="ij")
    return np.exp(-sum(axis**2 for axis in axes) / 2)


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_it_tells_the_divergence_and_the_light_of_every_point(backend):
    psf = gaussian()
    made = phantom("shells", (12, 30, 34), psf=psf, photons=300, seed=2)
    _, info = no_camera.deconvolve(
        made.image, psf, iterations=9, acceleration="none", background=5.0, backend=backend, return_info=True
    )
    assert (info.iterations, info.stopped) == (9, "as many iterations as asked for")
    assert info.factors == (None,) * 9
    microscope = Microscope(made.image.shape, psf)
    estimate = np.full(microscope.shape, made.image.mean() - 5.0)
    for divergence, light in zip(info.divergence, info.light, strict=True):
        model = microscope.blur(estimate) + 5.0
        assert divergence == pytest.approx(i_divergence(made.image, model), rel=1e-4)
        assert light == pytest.approx(model.sum() / made.image.sum(), rel=1e-5)
        estimate = microscope.step(made.image.astype(float), estimate, 5.0)
    assert all(b <= a for a, b in itertools.pairwise(info.divergence))


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
@pytest.mark.parametrize("half_steps", [1, 2, 6])
def test_blocks_tell_what_the_whole_tells(backend, half_steps):
    backend = BACKENDS[backend]
    plan = plan_in_blocks(backend, half_steps, iterations=7, acceleration="heavy-ball")
    _, whole = restore(backend, iterations=7, return_info=True)
    _, blocks = restore(backend, plan, 7, return_info=True)
    np.testing.assert_allclose(blocks.divergence, whole.divergence, rtol=1e-4)
    np.testing.assert_allclose(blocks.light, whole.light, rtol=1e-5)
    assert blocks.factors == whole.factors
    assert whole.factors[1:3] == (0.25, 0.4)


def test_the_result_is_the_same_whether_anyone_asks():
    for backend in BACKENDS.values():
        asked, _ = restore(backend, iterations=5, return_info=True)
        np.testing.assert_array_equal(asked, restore(backend, iterations=5))


@pytest.mark.parametrize("step", [1, 3])
def test_of_a_backend_that_cannot_tell_the_host_does(step, monkeypatch):
    sample_every(step, monkeypatch)
    image, psf = problem()
    options = {"iterations": 3, "return_info": True}
    _, told = no_camera.deconvolve(image, psf, backend=CountingBackend(), **options)
    _, info = no_camera.deconvolve(image, psf, backend="numpy", **options)
    np.testing.assert_allclose(told.divergence, info.divergence, rtol=1e-5)
    np.testing.assert_allclose(told.light, info.light, rtol=1e-5)


def test_a_run_that_goes_on_tells_of_what_it_did_itself(tmp_path):
    with pytest.raises(rlcore.Cancelled):
        restore("numpy", iterations=20, checkpoint=tmp_path / "state", callback=lambda p: p.fraction < 0.5)
    _, info = restore("numpy", iterations=20, checkpoint=tmp_path / "state", return_info=True)
    _, whole = restore("numpy", iterations=20, return_info=True)
    assert info.divergence[0] is None
    assert info.divergence[-1] == pytest.approx(whole.divergence[-1])
