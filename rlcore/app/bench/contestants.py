"""Contestants of the benchmark: every usable backend on every device, and other installed programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rlcore
from rlcore.app.bench import gpu_peers, peers
from rlcore.app.bench.implementation import Implementation
from rlcore.app.bench.memory import Cards
from rlcore.app.bench.own_backend import REFERENCE, OwnBackend
from rlcore.errors import BackendError

_PEERS: dict[str, Callable[[], Implementation]] = {
    "scikit-image": peers.ScikitImage,
    "RedLionfish CPU": peers.RedLionfish,
    "deconwolf": peers.Deconwolf,
    "cuCIM": gpu_peers.CuCIM,
    "pyclesperanto": gpu_peers.Pyclesperanto,
    "RedLionfish GPU": gpu_peers.RedLionfishGPU,
}
_ON_CPU = {"scikit-image": "skimage", "RedLionfish CPU": "RedLionfishDeconv"}
_ON_GPU = {"cuCIM": "cucim", "pyclesperanto": "pyclesperanto", "RedLionfish GPU": "RedLionfishDeconv"}


@dataclass(frozen=True, slots=True)
class Contestant:
    """Description of an implementation, from which a process of its own creates it."""

    name: str
    device: int | None = None
    """Index of a backend's device; None if it has only one."""
    ours: bool = True
    shown: str = ""
    """Name of the device, for people."""
    reason: str = ""
    """Reason why it cannot run; empty if it can."""
    skipped: str = ""
    """Reason why it runs only if its device is named; empty if it runs by default."""

    @property
    def label(self) -> str:
        """Name of the contestant, with the device if there are several."""
        return self.name if self.device is None else f"{self.name}:{self.device}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def contestants() -> list[Contestant]:
    """Lists all contestants: other programs first, as the baseline; then backends, in the order of `survey`.

    Opens devices, which hold memory until the process ends, so it is called in a process of its own.
    """
    backends = [found for finding in rlcore.survey() for found in _on_devices(finding)]
    on_gpu = bool(Cards()) or any(on_gpu for _, on_gpu in backends)
    names = [name for name, module in _ON_CPU.items() if find_spec(module)]
    names += ["deconwolf"] if peers.has_deconwolf() else []
    names += [name for name, module in _ON_GPU.items() if on_gpu and find_spec(module)]
    # programs for graphics cards could only fail where there is no card
    return [Contestant(name, ours=False) for name in names] + [contestant for contestant, _ in backends]


def _on_devices(finding: rlcore.Finding) -> list[tuple[Contestant, bool]]:
    """Lists a backend on each device, and whether each is a graphics card; processors are skipped next to cards."""
    if len(finding.devices) < 2:
        return [_contestant(finding, None, finding.device)]
    found = [_contestant(finding, device.index, device.name) for device in finding.devices]
    if not any(on_gpu for _, on_gpu in found):
        return found
    return [(contestant if on_gpu or contestant.reason else _skip(contestant), on_gpu) for contestant, on_gpu in found]


def _skip(contestant: Contestant) -> Contestant:
    named = f"name it with --backend {contestant.label} or --device to run it"
    return replace(contestant, skipped=f"skipped ({contestant.shown}): a GPU stands beside it; {named}")


def _contestant(finding: rlcore.Finding, device: int | None, shown: str) -> tuple[Contestant, bool]:
    """Describes a backend on one device, with the reason if it fails there, and whether it is a graphics card."""
    if finding.reason:  # not opened again: it would fail again
        return Contestant(finding.name, device, shown=shown, reason=finding.reason), False
    try:
        backend = rlcore.load_backend(finding.name, device)
    except BackendError as error:
        return Contestant(finding.name, device, shown=shown, reason=str(error)), False
    return Contestant(finding.name, device, shown=shown), not backend.facts.on_host


def make(name: str, device: int | None, boundary: str, cache: Path) -> Implementation:
    """Creates an implementation, which imports its library and opens its device."""
    if name in _PEERS:
        return _PEERS[name]()
    return OwnBackend(name, device, boundary, cache)


REFERENCE_CONTESTANT = Contestant(REFERENCE)
