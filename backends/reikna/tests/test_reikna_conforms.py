"""The OpenCL backends pass the conformance kit."""

import pytest

from rlcore.testing import BackendTests
from rlcore_reikna import ReiknaBackend


class TestReikna(BackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls):
        return ReiknaBackend()
