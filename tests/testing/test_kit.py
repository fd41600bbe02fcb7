"""The conformance kit passes what is right."""

import array_api_strict
import pytest

from rlcore.array_api import ArrayAPIBackend
from rlcore.numpy_backend import NumPyBackend
from rlcore.testing import BackendTests


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
