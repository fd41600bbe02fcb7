"""Backends to test, on the best OpenCL device that works."""

import pytest

from rlcore.errors import BackendUnavailable
from rlcore_reikna import ReiknaBackend, VkFFTBackend

KINDS = {"reikna": ReiknaBackend, "vkfft": VkFFTBackend}


@pytest.fixture(scope="session")
def opencl():
    """Starts a backend by its name; a machine without a device that works, or without pyvkfft, says so."""

    def start(name):
        try:
            return KINDS[name]()
        except BackendUnavailable as error:
            pytest.skip(str(error))

    return start
