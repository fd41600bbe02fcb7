"""The CUDA backend passes the conformance kit, where there is a CUDA device."""

import pytest

from rlcore.errors import BackendUnavailable
from rlcore.testing import BackendTests
from rlcore_cupy import CuPyBackend


class TestCuPy(BackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls):
        try:
            return CuPyBackend()
        except BackendUnavailable as error:
            pytest.skip(str(error))
