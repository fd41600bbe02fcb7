"""Properties that need no device: lengths and costs, boxes, resources, and messages where there is none to run on."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlcore
from rlcore.backend.kit.gpu_fft.columns import tiling_for
from rlcore.errors import BackendUnavailable
from rlcore_cupy import CuPyBackend, library
from rlcore_cupy.arrays import bytes_of, line_of
from rlcore_cupy.device_resources import Lender
from rlcore_cupy.lengths import cost, fast_length
from rlcore_cupy.moving_boxes import boxes, covers


@given(st.integers(1, 4000), st.booleans())
def test_fast_lengths_hold_what_was_asked_and_are_their_own(minimum, even):
    length = fast_length(minimum, even=even)
    assert length >= minimum
    assert length < 1.2 * minimum + 8
    assert not (even and length % 2)
    assert fast_length(length, even=even) == length
    assert length == 1 or tiling_for(length) is not None


def test_a_prime_length_costs_more_than_the_next_fast_one():
    assert cost((97, 1031, 1031)) > 2 * cost(tuple(fast_length(n) for n in (97, 1031, 1031)))
    assert cost((1, 1, 1)) > 0


@pytest.mark.parametrize("n", [1, 2, 7, 8, 1055, 1056])
def test_rows_have_room_for_their_spectra_and_begin_on_sectors(n):
    assert line_of(n) >= 2 * (n // 2 + 1)
    assert 4 * line_of(n) % 32 == 0
    assert bytes_of((3, 4, n)) == 4 * 12 * line_of(n)


@given(st.data())
def test_boxes_bring_every_voxel_once(data):
    shape, inside = (tuple(data.draw(st.lists(st.integers(1, 7), min_size=2, max_size=2))) for _ in range(2))
    start, wrap = tuple(data.draw(st.lists(st.integers(-9, 9), min_size=2, max_size=2))), data.draw(st.booleans())
    volume = np.arange(1, 1 + np.prod(inside)).reshape(inside)
    block = np.zeros(shape, int)
    for source, target in boxes(start, shape, inside, wrap=wrap):
        assert not block[target].any()
        block[target] = volume[source]
    index = [np.arange(at, at + size) for at, size in zip(start, shape, strict=True)]
    truth = volume[np.ix_(*(i % n for i, n in zip(index, inside, strict=True)))]
    if not wrap:
        truth = truth * np.multiply.outer(*((i >= 0) & (i < n) for i, n in zip(index, inside, strict=True)))
    np.testing.assert_array_equal(block, truth)
    assert covers(start, shape, inside, wrap=wrap) == bool(truth.all())


def test_a_loan_comes_back_when_the_borrower_is_gone():
    class Borrower:
        pass

    lender = Lender(lambda device: [device])
    first, second = Borrower(), Borrower()
    things = [lender.lend(0, first), lender.lend(0, second)]
    assert things[0] is not things[1]
    del first
    gc.collect()
    assert lender.lend(0, Borrower()) is things[0]
    assert lender.lend(1, second) == [1]


def test_without_cupy_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(library, "_missing", "CuPy is not installed; install rlcore-cupy[cuda13]")
    with pytest.raises(BackendUnavailable, match=r"backend 'cupy' cannot run: .*install rlcore-cupy\[cuda13\]"):
        CuPyBackend()
    with pytest.raises(BackendUnavailable):
        CuPyBackend.devices()
    [finding] = [finding for finding in rlcore.survey() if finding.name == "cupy"]
    assert finding.state == "unavailable"
    assert "install rlcore-cupy" in finding.reason


class Runtime:
    """As much of CuPy's runtime as counting devices takes."""

    class CUDARuntimeError(RuntimeError):
        pass

    def __init__(self, answer, driver=12040):
        self._answer, self.driverGetVersion, self.runtimeGetVersion = answer, lambda: driver, lambda: 13000

    def getDeviceCount(self):
        if isinstance(self._answer, str):
            raise self.CUDARuntimeError(self._answer)
        return self._answer


@pytest.mark.parametrize(
    ("answer", "driver", "message"),
    [
        ("cudaErrorNoDevice: no CUDA-capable device is detected", 13000, "no CUDA device that this process may use"),
        ("cudaErrorInsufficientDriver: too old", 0, "no NVIDIA driver on this machine"),
        ("cudaErrorInsufficientDriver: too old", 12040, r"driver is for CUDA 12\.4, this CuPy for 13\.0; update"),
        ("cudaErrorUnknown: unknown error", 13000, "unknown error"),
        (0, 13000, "there is no CUDA device"),
    ],
)
def test_every_reason_not_to_run_is_named(monkeypatch, answer, driver, message):
    class Fake:
        class cuda:
            runtime = Runtime(answer, driver)

    monkeypatch.setattr(library, "cupy", Fake)
    monkeypatch.setattr(library, "_missing", "")
    with pytest.raises(BackendUnavailable, match=message):
        library.count_devices()
