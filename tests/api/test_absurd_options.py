"""Absurd numbers: one sentence, at once, for every option that takes a number."""

import time

import numpy as np
import pytest
from fixtures.scenes import counts, gaussian

import rlcore
from rlcore.backend.kit.fft_lengths import smooth_length
from rlcore.testing import no_camera

IMAGE, PSF = counts((12, 13)), gaussian((5, 6))
HUGE = 10**400
AUTO = {"iterations": "auto"}


@pytest.mark.parametrize(
    "options",
    [
        {"iterations": 10**9},
        {"iterations": HUGE},
        {"iterations": np.array([1, 2])},
        {"memory": HUGE},
        {"memory": "9" * 400},
        {"memory": np.inf},
        {"background": HUGE},
        {"stop": "relative-change", "threshold": HUGE},
        {"regularization": "tv", "tv_weight": HUGE},
        {"exchange": False, "tolerance": np.nan},
        {"exchange": False, "tolerance": np.inf},
        {"exchange": False, "tolerance": "1e-3"},
        {"seed": np.nan},
        {"seed": None},
        {**AUTO, "gain": 1e-300},
        {**AUTO, "gain": HUGE},
        {**AUTO, "gain": (1, HUGE)},
        {"device": "²"},
        {"device": "٣"},
        {"device": 10**30},
        {"plan": 3},
        {"callback": 3},
        {"cancel": 3},
        {"checkpoint": 3},
    ],
    ids=lambda options: str(options)[:40],
)
def test_absurd_options_are_refused_in_one_sentence(options):
    with pytest.raises(rlcore.RLCoreError) as error:
        no_camera.deconvolve(IMAGE, PSF, **{"backend": "numpy", "iterations": 2, **options})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
@pytest.mark.parametrize("shape", [(1 << 26, 100), (64, 1 << 26), (1 << 31, 8, 8)])
def test_plans_of_huge_axes_are_made_at_once(backend, shape):
    began = time.process_time()
    assert not no_camera.make_plan(shape, (3,) * len(shape), backend=backend, memory="1 GiB").is_whole
    assert time.process_time() - began < 60  # it did not end; seconds on an idle machine


@pytest.mark.parametrize("shapes", [((1 << 40, 8), (3, 3)), ((HUGE, 8), (3, 3)), ((8.5, 8), (3, 3)), ("ab", (3, 3))])
def test_shapes_that_no_volume_has_are_refused(shapes):
    with pytest.raises(rlcore.InputError):
        no_camera.make_plan(*shapes, backend="numpy")


@pytest.mark.parametrize("primes", [(2, 3, 5, 7), (2, 3, 5, 7, 11, 13), (2,), (3, 5)])
@pytest.mark.parametrize("multiple", [1, 2, 3])
def test_a_smooth_length_is_the_smallest_there_is(primes, multiple):
    products = np.ones(1, np.int64)
    for prime in primes:
        powers = np.array([prime**k for k in range(22) if prime**k < 1 << 21], np.int64)
        products = np.multiply.outer(products, powers).reshape(-1)
        products = products[products < 1 << 21]
    products = np.sort(products)
    for least in [*range(1, 300), *range(12200, 12400), 99_999, 1 << 20]:
        wanted = multiple * products[np.searchsorted(products, -(-least // multiple))]
        assert smooth_length(least, primes, multiple) == wanted
