"""On a machine whose only device is the CPU, auto takes pyfftw and not OpenCL, though OpenCL comes first in its order.

OpenCL finds only a CPU on one machine and a card on another, so these are stand-ins under the real names.
"""

import logging
import sys
from pathlib import Path

import pytest

import rlcore

STAND_IN = """
from rlcore.backend import Facts
from rlcore.backend.numpy_backend import NumPyBackend


class make(NumPyBackend):
    def __init__(self, device=None):
        super().__init__()
        self.name, self.device, self.facts = {name!r}, {device!r}, Facts(on_host={on_host})

    def free_bytes(self):
        return 1 << 40
"""
CPU, CARD = ("a CPU", True), ("a card", False)
"""Devices, and whether arrays on them are in host memory."""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes a machine on which only the backends that are named are installed, each with its device."""
    for name in ("RLCORE_BACKEND", "RLCORE_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    bare = [path for path in sys.path if not any(Path(path or ".").glob("*.dist-info"))]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *bare])

    def install(**backends):
        entries = ["[rlcore.backends]"]
        for name, (device, on_host) in backends.items():
            (tmp_path / f"stand_in_{name}.py").write_text(STAND_IN.format(name=name, device=device, on_host=on_host))
            entries.append(f"{name} = stand_in_{name}:make")
        metadata = tmp_path / "stand_ins-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stand-ins\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("\n".join(entries) + "\n")

    yield install
    for module in [name for name in sys.modules if name.startswith("stand_in_")]:
        del sys.modules[module]


@pytest.mark.parametrize("opencl", ["reikna", "vkfft"])
@pytest.mark.parametrize("faster", ["pyfftw", "numpy"])
def test_a_cpu_by_opencl_comes_after_all_else_that_works(machine, opencl, faster):
    machine(**{opencl: CPU, faster: CPU})
    choice = rlcore.choose_backend("auto")
    assert choice.backend.name == faster
    assert any(said.startswith(f"{opencl} has only a CPU here") for said in choice.passed)


@pytest.mark.parametrize("opencl", ["reikna", "vkfft"])
def test_a_card_by_opencl_comes_before_the_cpu(machine, opencl):
    machine(**{opencl: CARD, "pyfftw": CPU, "numpy": CPU})
    assert rlcore.choose_backend("auto").backend.name == opencl


def test_a_cpu_by_opencl_runs_where_it_is_named(machine):
    machine(reikna=CPU, pyfftw=CPU)
    assert rlcore.choose_backend("reikna").backend.name == "reikna"


def test_on_this_machine_no_cpu_by_opencl_is_taken(monkeypatch, caplog):
    """Whatever its drivers are."""
    for name in ("RLCORE_BACKEND", "RLCORE_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    with caplog.at_level(logging.ERROR, logger="rlcore"):
        backend = rlcore.choose_backend("auto").backend
    assert backend.name not in ("reikna", "vkfft") or not backend.on_host
