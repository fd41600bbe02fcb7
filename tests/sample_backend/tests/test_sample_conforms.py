"""The whole conformance kit on this backend."""

import pytest

from rlcore.testing import BackendTests
from rlcore_sample import SampleBackend


class TestSample(BackendTests):
    @pytest.fixture
    def backend(self):
        return SampleBackend()
