"""The FFTW backend passes the conformance kit."""

import pytest

from rlcore.testing import BackendTests
from rlcore_pyfftw import PyFFTWBackend


class TestPyFFTW(BackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls):
        return PyFFTWBackend(threads=2)
