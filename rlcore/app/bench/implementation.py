"""What the benchmark asks of whatever it times, a backend or another program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rlcore.app.bench.floors import Floor
from rlcore.backend import Volume
from rlcore.backend.boxes import Shape


@dataclass(frozen=True, slots=True)
class Facts:
    """What a contender says of how it will do a problem."""

    device: str
    version: str
    boundary: str
    padded: Shape | None
    """Shape of its transforms; None where it does not say."""
    blocks: int = 1
    on_device: bool = False
    """Whether its arrays are in a card's memory."""
    plan_bytes: int | None = None
    plan: dict[str, Any] | None = None
    planning: bool = False
    """Whether it tells what planning its transforms took."""


class Implementation(Protocol):
    """PanelResult in a process of its own; making it imports its library and opens its device."""

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        """How it will do this; raises if it cannot."""
        ...

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        """The restored volume in host memory, and seconds per iteration where the contender tells them itself."""
        ...

    def planning_seconds(self) -> float:
        """What planning its transforms has taken so far."""
        ...

    def floor(self, seconds: float) -> Floor | None:
        """Four bare transforms by the same library on the same shape; None where that cannot be had.

        Making it may take about so many seconds.
        """
        ...
