"""Devices are listed and chosen, limits enter the plan, memory runs out with a message, and nothing leaks."""

import gc
import logging
import sys
from dataclasses import replace

import numpy as np
import pyopencl as cl
import pytest

import rlcore
from rlcore.errors import BackendUnavailable, OutOfMemory
from rlcore.testing import no_camera
from rlcore_reikna import ReiknaBackend, VkFFTBackend, devices
from rlcore_reikna.memory import Memory


class FakePlatform:
    name = "A platform"


class FakeDevice:
    """A device with the properties by which one is chosen."""

    platform, vendor = FakePlatform(), "Vendor"
    max_mem_alloc_size = 1 << 20

    def __init__(self, name, kind, memory):
        self.name, self.type, self.global_mem_size = name, kind, memory


CPU = FakeDevice("Processor", cl.device_type.CPU, 64 << 30)
SMALL = FakeDevice("Small card", cl.device_type.GPU, 4 << 30)
LARGE = FakeDevice("Large card", cl.device_type.GPU, 16 << 30)


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.setattr(devices, "all_devices", lambda: [CPU, SMALL, LARGE])


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [(None, LARGE), (0, CPU), ("1", SMALL), ("small", SMALL), ("processor", CPU), ("vendor", LARGE), ("card", LARGE)],
)
def test_the_matching_device_is_chosen_and_logged(machine, caplog, wanted, chosen):
    with caplog.at_level(logging.INFO, "rlcore"):
        assert devices.choose("reikna", wanted, lambda device: device) is chosen
    assert f"runs on {chosen.name} (A platform), out of 0: Processor (A platform), 1: Small card" in caplog.text


@pytest.mark.parametrize("wanted", [3, "7", "tape"])
def test_an_unknown_device_is_refused_with_a_list_of_all(machine, wanted):
    with pytest.raises(
        BackendUnavailable, match=f"'reikna' has no device {wanted!r}; there are 0: Processor .*2: Large"
    ):
        devices.choose("reikna", wanted, lambda device: device)


def test_a_device_whose_driver_fails_is_passed_over_with_the_reason(machine, caplog):
    def begin(device):
        if device is LARGE:
            raise cl.LogicError("clBuildProgram failed\n\nerror: unknown target")
        return device

    with caplog.at_level(logging.INFO, "rlcore"):
        assert devices.choose("reikna", None, begin) is SMALL
    assert "passes over Large card (A platform) does not work: error: unknown target" in caplog.text
    with pytest.raises(BackendUnavailable, match=r"no device that works; Large card .* does not work"):
        devices.choose("reikna", "large", begin)


def test_no_device_at_all_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(devices, "all_devices", list)
    with pytest.raises(BackendUnavailable, match=r"finds no OpenCL device; .*pip install 'rlcore-reikna\[pocl\]'"):
        ReiknaBackend()


def test_devices_are_listed_with_memory_and_limit(machine):
    listed = ReiknaBackend.devices()
    assert [(device.index, device.name) for device in listed][2] == (2, "Large card (A platform)")
    assert listed[2].memory == 16 << 30
    assert listed[2].buffer_limit == 1 << 20


def test_vkfft_without_its_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvkfft.opencl", None)
    with pytest.raises(BackendUnavailable, match=r"needs pyvkfft .*pip install 'rlcore-reikna\[vkfft\]'"):
        VkFFTBackend()


def test_no_array_of_a_plan_is_larger_than_the_buffer_limit(opencl, monkeypatch):
    backend = opencl("reikna")
    monkeypatch.setattr(backend, "facts", replace(backend.facts, on_host=False, buffer_limit=3 << 20))
    plan = no_camera.make_plan((64, 200, 200), (9, 9, 9), backend=backend, iterations=5, memory="1 GiB")
    footprint = backend.footprint(plan.block_shape)
    assert max(footprint.real, footprint.spectrum) <= 3 << 20
    assert len(plan.tiling()) > 1


def test_a_buffer_beyond_the_limit_is_refused_with_the_sizes(opencl):
    memory = opencl("reikna")._runtime.memory
    with pytest.raises(OutOfMemory, match=r"allows .*iB per buffer, and .*iB are needed; give a smaller memory"):
        memory.allocate(memory._device.max_mem_alloc_size + 1)


def test_memory_that_is_refused_leads_to_a_smaller_plan(opencl, monkeypatch):
    backend = opencl("reikna")
    monkeypatch.setattr(backend, "facts", replace(backend.facts, on_host=False))
    image = np.random.default_rng(0).random((40, 100, 100), np.float32) + 1
    psf = np.ones((3, 3, 3)) + 10 * np.eye(3)
    whole = no_camera.deconvolve(image, psf, iterations=2, backend=backend)
    allocate = Memory.allocate

    def refuse(memory, count):
        if count > 2 << 20:
            raise OutOfMemory(f"no {count} bytes beside those in use")
        return allocate(memory, count)

    monkeypatch.setattr(Memory, "allocate", refuse)
    with pytest.warns(
        rlcore.execution.engine.ReplanWarning, match="no .* bytes .*; starting by a smaller plan: 2 blocks"
    ):
        blocks = no_camera.deconvolve(image, psf, iterations=2, backend=backend, memory="1 GiB")
    np.testing.assert_allclose(blocks, whole, atol=1e-5 * whole.max())


@pytest.mark.parametrize("name", ["reikna", "vkfft"])
def test_a_hundred_calls_leak_nothing(opencl, name):
    image, psf = np.ones((30, 40), np.float32), np.outer([1, 2, 1], [1, 3, 1])
    memory, held = opencl(name)._runtime.memory, []
    for call in range(100):
        no_camera.deconvolve(image, psf, iterations=2, backend=name)
        if call in (4, 99):
            gc.collect()
            held.append((memory.in_use, memory._pool.managed_bytes))
    assert held[0] == held[1]
    assert held[1][0] == 0
