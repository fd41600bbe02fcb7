"""The OpenCL backends pass the conformance kit."""

import pytest

from rlcore.errors import BackendUnavailable
from rlcore.testing import BackendTests


class Conforms(BackendTests):
    overrides = {"test_devices_are_numbered_and_can_be_chosen": "a device whose driver is broken is listed, and refused"}

    def test_devices_are_numbered_and_can_be_chosen(self, factory):
        """A device that `devices` lists is neither selected by its index and its name nor refused with the reason."""
        listed = factory.devices()
        assert [device.index for device in listed] == list(range(len(listed)))
        started = 0
        for device in listed:
            for wanted in (device.index, str(device.index), device.name):
                try:
                    assert factory(wanted).device == device.name
                    started += 1
                except BackendUnavailable as error:
                    assert f"{device.name} does not work: " in str(error)
        assert started >= 3


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
