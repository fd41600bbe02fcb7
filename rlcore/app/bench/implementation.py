"""Interface of an implementation under test, a backend or another program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rlcore.app.bench.floors import Floor
from rlcore.backend import Volume
from rlcore.backend.boxes import Shape


@dataclass(frozen=True, slots=True)
class Facts:
    """Properties of an implementation's run on a problem, as far as it reports them."""

    device: str
    version: str
    boundary: str
    padded: Shape | None
    """Shape of its transforms; None if it does not report it."""
    blocks: int = 1
    on_device: bool = False
    """True if its arrays are in the memory of a graphics card."""
    plan_bytes: int | None = None
    """Peak memory that its plan predicts; None without a plan."""
    plan: dict[str, Any] | None = None
    planning: bool = False
    """True if it reports the time spent on planning its transforms."""


class Implementation(Protocol):
    """An implementation under test. Creating it imports its library and opens its device, in a process of its own."""

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        """Prepares for a problem and returns its facts; raises if it cannot be solved."""
        ...

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        """Returns the restored volume in host memory, and seconds per iteration; None if it does not report them."""
        ...

    def planning_seconds(self) -> float:
        """Returns the seconds spent on planning transforms so far."""
        ...

    def floor(self, seconds: float) -> Floor | None:
        """Returns a timer of four bare transforms by the same library on the same shape; None if unavailable.

        Creating the timer may take about `seconds`.
        """
        ...
