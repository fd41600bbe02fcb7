"""The OpenCL backends pass the conformance kit."""

from typing import ClassVar

import pytest

from rlcore.errors import BackendUnavailable
from rlcore.testing import BackendTests


class Conforms(BackendTests):
    overrides: ClassVar = {
        "test_devices_are_numbered_and_can_be_chosen": "a device whose driver fails is listed, and refused by name"
    }

    def test_devices_are_numbered_and_can_be_chosen(self, factory):
        """A device that `devices` lists is neither chosen by its index and its name, nor refused with the reason."""
        listed = factory.devices()
        assert [device.index for device in listed] == list(range(len(listed)))
        outcomes = [
            outcome(factory, wanted) for device in listed for wanted in (device.index, str(device.index), device.name)
        ]
        names = [device.name for device in listed for _ in range(3)]
        assert all(name in found for name, found in zip(names, outcomes, strict=True))
        assert sum(name == found for name, found in zip(names, outcomes, strict=True)) >= 3


def outcome(factory, wanted):
    """Name of the device that was started, or the reason why it was not."""
    try:
        return factory(wanted).device
    except BackendUnavailable as error:
        return str(error)


class TestReikna(Conforms):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls, opencl):
        return opencl("reikna")


class TestVkFFT(Conforms):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls, opencl):
        return opencl("vkfft")
