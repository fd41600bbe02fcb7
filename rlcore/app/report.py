"""What became of a run from files to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlcore.app import speed
from rlcore.app.files.provenance import Provenance
from rlcore.app.files.voxel import Voxel
from rlcore.backend import Shape
from rlcore.execution import Info
from rlcore.planner import Plan


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run."""

    output: Path
    shape: Shape
    axes: str
    voxel: Voxel
    dtype: str
    step: float | None
    """Value of one step of an integer output; None for floating point."""
    iterations: int
    """Of the volume that took most."""
    stops: bool
    """Whether their number was found out by the run."""
    seconds: float
    """From opening the files to the finished output."""
    seconds_per_iteration: float | None
    """None where nothing could be timed, as in a run of one iteration."""
    plan: Plan
    psf_notes: tuple[str, ...]
    volumes: int
    """Restored one after the other, each by the plan."""
    provenance: Provenance
    """What the output says of itself."""
    info: tuple[Info, ...]
    """What happened in each iteration, volume by volume of this run, if that was asked for."""

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        count = self._count()
        rate = f", {speed.duration(self.seconds_per_iteration)} each" if self.seconds_per_iteration else ""
        scale = f"; one step is {self.step:.6g} of the image's units" if self.step else ""
        where = f"{self.plan.backend} ({self.plan.device})"
        took = f"{speed.duration(self.seconds)}{rate}"
        several = f" of {self.volumes} volumes" if self.volumes > 1 else ""
        return f"{self.output}: {size} {self.dtype}, {count}{several} on {where} in {took}{scale}"

    def _count(self) -> str:
        """How many iterations, and why so many if the run found out."""
        if self.stops:
            return found(self.info)
        return "1 iteration" if self.iterations == 1 else f"{self.iterations} iterations"

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON has."""
        return {
            "output": str(self.output),
            "shape": self.shape,
            "axes": self.axes,
            "voxel": self.voxel.to_dict(),
            "dtype": self.dtype,
            "step": self.step,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "seconds_per_iteration": self.seconds_per_iteration,
            "backend": self.plan.backend,
            "device": self.plan.device,
            "psf": self.psf_notes,
            "volumes": self.volumes,
            "info": self._told(),
            "provenance": self.provenance.to_dict(),
            "plan": self.plan.to_dict(),
        }

    def _told(self) -> Any:
        """Of one volume what was told of it, of several a list."""
        told = [info.to_dict() for info in self.info]
        return told if self.volumes > 1 and told else told[0] if told else None


def found(info: Sequence[Info]) -> str:
    """How many iterations volumes were found to need, and of a single one why."""
    numbers = [told.iterations for told in info]
    if len(numbers) == 1:
        return f"{numbers[0]} iterations ({info[0].stopped})"
    low, high = min(numbers, default=0), max(numbers, default=0)
    return f"{low if low == high else f'{low} to {high}'} iterations as each was found to need"
