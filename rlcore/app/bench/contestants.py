"""Who takes part: every usable backend on every device, and other programs that happen to be installed."""

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
from rlcore.backend import on_host
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
    """A contender before it is made: what a process of its own needs to make it."""

    name: str
    device: int | None = None
    """Which of a backend's devices."""
    ours: bool = True
    shown: str = ""
    """The device, for people."""
    reason: str = ""
    """Why it cannot take part."""
    skipped: str = ""
    """Why it takes part only when its device is named."""

    @property
    def label(self) -> str:
        """Its name, with the device where there are several."""
        return self.name if self.device is None else f"{self.name}:{self.device}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def contestants() -> list[Contestant]:
    """Other programs first, as what is compared with; then backends, as `survey` lists them.

    It opens devices, so it is called in a process that ends.
    """
    backends = [found for finding in rlcore.survey() for found in _on_devices(finding)]
    on_gpu = bool(Cards()) or any(on_gpu for _, on_gpu in backends)
    names = [name for name, module in _ON_CPU.items() if find_spec(module)]
    names += ["deconwolf"] if peers.has_deconwolf() else []
    names += [name for name, module in _ON_GPU.items() if on_gpu and find_spec(module)]
    return [Contestant(name, ours=False) for name in names] + [contestant for contestant, _ in backends]


def _on_devices(finding: rlcore.Finding) -> list[tuple[Contestant, bool]]:
    """A backend on each of its devices, and whether that is a card; processors beside cards stand aside."""
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
    """A backend on one of its devices, with the reason if that one does not work; and whether it runs on a card."""
    if finding.reason:
        return Contestant(finding.name, device, shown=shown, reason=finding.reason), False
    try:
        backend = rlcore.load_backend(finding.name, device)
    except BackendError as error:
        return Contestant(finding.name, device, shown=shown, reason=str(error)), False
    return Contestant(finding.name, device, shown=shown), not on_host(backend)


def make(name: str, device: int | None, boundary: str, cache: Path) -> Implementation:
    """Import its library and open its device."""
    if name in _PEERS:
        return _PEERS[name]()
    return OwnBackend(name, device, boundary, cache)


REFERENCE_CONTESTANT = Contestant(REFERENCE)
