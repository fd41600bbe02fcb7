import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlcore.testing.metrics import i_divergence, nrmse, pearson

rng = np.random.default_rng(0)
TRUTH = rng.random((5, 6, 7))
NOISY = TRUTH + 0.3 * rng.random((5, 6, 7))


@given(st.floats(1e-6, 1e6))
def test_a_gain_changes_neither_nrmse_nor_pearson(gain):
    assert nrmse(gain * TRUTH, TRUTH) == pytest.approx(0, abs=1e-12)
    assert nrmse(gain * NOISY, TRUTH) == pytest.approx(nrmse(NOISY, TRUTH), rel=1e-9)
    assert pearson(gain * NOISY + gain, TRUTH) == pytest.approx(pearson(NOISY, TRUTH), rel=1e-9)


def test_nrmse_takes_the_best_gain_and_the_truth_as_its_unit():
    gains = np.linspace(0, 2, 20001)
    errors = [math.sqrt(np.mean((g * NOISY - TRUTH) ** 2) / np.mean(TRUTH**2)) for g in gains[::10]]
    assert nrmse(NOISY, TRUTH) == pytest.approx(min(errors), rel=1e-5)
    assert nrmse(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])) == pytest.approx(math.sqrt(0.5))
    assert nrmse(np.zeros_like(TRUTH), TRUTH) == 1


def test_pearson_is_numpys_correlation():
    assert pearson(NOISY, TRUTH) == pytest.approx(np.corrcoef(NOISY.ravel(), TRUTH.ravel())[0, 1], rel=1e-12)
    assert pearson(-TRUTH, TRUTH) == pytest.approx(-1)
    assert pearson(np.ones_like(TRUTH), TRUTH) == 0


def test_i_divergence_by_hand():
    data, model = np.array([[0.0, 2.0]]), np.array([[1.0, 1.0]])
    assert i_divergence(data, model) == pytest.approx((1 + 2 * math.log(2) - 2 + 1) / 2)
    assert i_divergence(model, model) == 0
    assert i_divergence(model, data) == math.inf


def test_i_divergence_is_positive_and_half_a_count_for_poisson_noise():
    assert i_divergence(TRUTH, NOISY) > 0
    model = np.full((60, 60, 10), 100.0)
    assert i_divergence(rng.poisson(model), model) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("metric", [nrmse, pearson, i_divergence])
def test_different_shapes_are_refused(metric):
    with pytest.raises(ValueError, match="differ"):
        metric(np.ones((3, 4)), np.ones((4, 3)))
