"""Who takes part in the benchmark: on which devices, when asked for by name, and what is left out for its size."""

import numpy as np
import pytest

import rlcore
from rlcore.app.bench import contestants as module
from rlcore.app.bench import gpu_peers, peers, selection
from rlcore.app.bench.contestants import Contestant, contestants
from rlcore.app.bench.own_backend import OwnBackend
from rlcore.app.bench.rows import Row
from rlcore.backend import Device, Facts
from rlcore.backend.discovery.registry import Finding
from rlcore.errors import BudgetError, InputError


class Fake:
    """A backend as far as the survey looks at it."""

    def __init__(self, on_host):
        self.facts = Facts(on_host=on_host)


@pytest.fixture
def devices(monkeypatch):
    """Make the survey find backends, each with devices that are processors (True) or cards (False)."""

    def install(**found):
        findings = [
            Finding(name, "usable", "x 1", devices=tuple(Device(i, shown) for i, (shown, _) in enumerate(each)))
            for name, each in found.items()
        ]
        monkeypatch.setattr(rlcore, "survey", lambda: tuple(findings))
        monkeypatch.setattr(rlcore, "load_backend", lambda name, device: Fake(found[name][device or 0][1]))
        monkeypatch.setattr(module, "find_spec", lambda name: None)
        monkeypatch.setattr(module.peers, "has_deconwolf", lambda: False)

    return install


CARD, CPU = ("H100", False), ("cpu-EPYC", True)


def test_a_processor_beside_a_card_stands_aside_and_says_how_to_run_it(devices):
    devices(reikna=[CARD, CPU], numpy=[CPU])
    card, cpu, numpy = contestants()
    assert (card.label, card.skipped, numpy.label, numpy.skipped) == ("reikna:0", "", "numpy", "")
    assert cpu.skipped == (
        "skipped (cpu-EPYC): a GPU stands beside it; name it with --backend reikna:1 or --device to run it"
    )
    assert Row.of(cpu).failure == cpu.skipped


def test_processors_without_a_card_all_take_part(devices):
    devices(reikna=[CPU, ("cpu-other", True)])
    assert [contestant.skipped for contestant in contestants()] == ["", ""]


def test_a_card_of_another_backend_puts_no_processor_aside(devices):
    devices(cupy=[CARD], torch=[CPU, ("cpu-other", True)])
    assert all(not contestant.skipped for contestant in contestants())


FOUND = [
    Contestant("reikna", 0, shown="H100"),
    Contestant("reikna", 1, shown="cpu-EPYC", skipped="skipped"),
    Contestant("numpy", shown="CPU"),
]


@pytest.mark.parametrize(
    ("names", "device", "run", "skipped"),
    [
        ((), None, ["reikna:0", "numpy"], ["reikna:1"]),
        (("reikna",), None, ["reikna:0"], ["reikna:1"]),
        (("reikna:1",), None, ["reikna:1"], []),
        (("reikna:0", "reikna:1"), None, ["reikna:0", "reikna:1"], []),
        (("numpy:0",), None, ["numpy"], []),
        ((), "cpu", ["reikna:1", "numpy"], []),
        ((), "0", ["reikna:0", "numpy"], []),
        (("reikna",), "epyc", ["reikna:1"], []),
    ],
)
def test_backends_are_chosen_by_name_and_device(names, device, run, skipped):
    taken = selection.backends(FOUND, names, device)
    assert [contestant.label for contestant in taken if not contestant.skipped] == run
    assert [contestant.label for contestant in taken if contestant.skipped] == skipped


def test_what_is_not_there_is_refused_with_what_is():
    with pytest.raises(InputError, match=r"backend 'reikna:7' cannot be used here; usable are 'numpy', .*'reikna:1'"):
        selection.backends(FOUND, ("reikna:7",), None)
    with pytest.raises(InputError, match=r"device 'A100' is of no backend asked for; there are reikna:0 'H100'"):
        selection.backends(FOUND, (), "A100")


IMAGE, PSF = np.ones((16, 64, 64), np.float32), np.ones((5, 5, 5), np.float32) / 125


@pytest.mark.parametrize(
    "peer",
    [peers.ScikitImage, peers.RedLionfish, peers.Deconwolf, gpu_peers.CuCIM, gpu_peers.RedLionfishGPU],
)
def test_another_program_is_not_started_on_what_does_not_fit(peer, monkeypatch):
    made = object.__new__(peer)  # its library need not be installed: it is refused before it is called
    monkeypatch.setattr(peers, "host_free", lambda: (1000, "test"))
    monkeypatch.setattr(gpu_peers.Cards, "free", lambda self: 1000)
    with pytest.raises(BudgetError, match=r"^does not fit: at least .* are needed .* 1000 B are free"):
        made.prepare(IMAGE, PSF, 1)
    with pytest.raises(BudgetError):
        made.refuse_unfit(IMAGE.shape, int(made._volumes * 4 * IMAGE.size) - 1)
    made.refuse_unfit(IMAGE.shape, int(made._volumes * 4 * IMAGE.size))
    made.refuse_unfit(IMAGE.shape, None)


def test_a_backend_is_not_started_on_what_its_plan_refuses(monkeypatch, tmp_path):
    monkeypatch.setattr("rlcore.planner.within_memory.host_free", lambda: (1000, "test"))
    with pytest.raises(BudgetError):
        OwnBackend("numpy", None, "extended", tmp_path).prepare(IMAGE, PSF, 3)
