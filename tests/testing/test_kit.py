"""The conformance kit passes correct backends, and its parts do what they promise."""

import threading
import weakref
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from hypothesis import given

from rlcore.backend.adapter import adapt
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import BackendTests, strategies
from rlcore.testing.conformance.peak import peak_of
from tests.testing.doubles import Bare


class TestNumPy(BackendTests):
    @pytest.fixture
    def backend(self):
        return NumPyBackend()


class TestNumPyInDoublePrecision(BackendTests):
    @pytest.fixture
    def backend(self):
        return NumPyBackend(dtype="float64")


class TestStrict(BackendTests):
    """The array API standard and nothing beyond it."""

    @pytest.fixture
    def backend(self):
        return ArrayAPIBackend(array_api_strict)

    @pytest.fixture
    def factory(self):
        return lambda device: ArrayAPIBackend(array_api_strict, device)


class TestBare(BackendTests):
    """A plain class with the required members, so that all else is an adapter's defaults."""

    @pytest.fixture
    def backend(self):
        return Bare()


class Replaces(BackendTests):
    """A suite that pytest does not collect, because of its name; the tests below examine it."""

    def test_clamp(self):
        """Nothing."""

    test_flip_twice_changes_nothing = None


def test_a_standard_test_is_not_replaced_in_silence():
    with pytest.raises(AssertionError, match="Replaces replaces test_clamp, test_flip_twice_changes_nothing without"):
        Replaces().test_overrides_are_explained()


def test_reasons_for_what_is_replaced_are_printed(monkeypatch, capsys):
    reasons = {"test_clamp": "no clamp here", "test_flip_twice_changes_nothing": "flips once"}
    monkeypatch.setattr(Replaces, "overrides", reasons)
    Replaces().test_overrides_are_explained()
    assert "Replaces replaces test_clamp: no clamp here\n" in capsys.readouterr().out
    monkeypatch.setattr(Replaces, "overrides", reasons | {"test_add": "a reason for nothing"})
    with pytest.raises(AssertionError, match="reasons for test_add, which it does not replace"):
        Replaces().test_overrides_are_explained()


class Remote(Bare):
    """A device with memory of its own, whose free bytes are known by counting."""

    name, on_host = "remote", False

    def __init__(self, device=None):
        super().__init__(device)
        self.used = 0
        self._upload = self.upload
        self.upload = self._counted
        self.free_bytes = lambda: (1 << 30) - self.used

    def _counted(self, volume):
        array = self._upload(volume)
        self.used += array.nbytes
        weakref.finalize(array, self._released, array.nbytes)
        return array

    def _released(self, count):
        self.used -= count


def test_a_peak_is_measured_by_watching_free_bytes():
    """At its peak the work waits until the free bytes have been read."""
    backend, highest = Remote(), 3 * 4 * 64**3
    looked = threading.Event()

    def free_bytes():
        free = (1 << 30) - backend.used
        if backend.used == highest:
            looked.set()
        return free

    backend.free_bytes = free_bytes

    def work():
        arrays = [backend.upload(np.zeros((64, 64, 64))) for _ in range(3)]
        assert looked.wait(600), "nobody looks"
        del arrays

    assert peak_of(adapt(backend), work) == highest
    assert backend.used == 0


def test_a_peak_that_free_bytes_does_not_tell_is_not_measured():
    backend = Remote()
    backend.free_bytes = lambda: 1 << 30
    assert peak_of(adapt(backend), lambda: None) is None


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the kernel tells a process's peak on Linux only"
)
def test_a_peak_on_the_host_is_that_of_the_process():
    """Three arrays, one after the other, count as one; the process itself may need a little more."""

    def work():
        for _ in range(3):
            np.ones(64 << 20, np.uint8)

    assert 63 << 20 <= peak_of(NumPyBackend(), work) < 72 << 20


def test_every_standard_test_says_what_its_failure_means():
    names = [name for name in dir(BackendTests) if name.startswith("test_")]
    assert len(names) > 50
    silent = [name for name in names if len((getattr(BackendTests, name).__doc__ or "").split()) < 8]
    assert not silent


@given(strategies.shapes(ndim=3, least=2, most=5))
def test_shapes_keep_to_what_is_asked(shape):
    assert len(shape) == 3
    assert all(2 <= n <= 5 for n in shape)


@given(strategies.psfs())
def test_psfs_have_sum_1_and_light_at_their_centre(psf):
    assert psf.values.sum() == pytest.approx(1)
    assert psf.values.min() >= 0
    assert psf.values[psf.centre] >= 0.1
