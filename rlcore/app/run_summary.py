"""Summary of a finished run, printed as a line or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rlcore.app import speed
from rlcore.app.bad_volumes import BadVolume
from rlcore.app.camera.found import CameraFound
from rlcore.app.files.metadata.provenance import Provenance
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.remote.url import Location
from rlcore.backend import Shape
from rlcore.execution.history import Info
from rlcore.planner import Plan


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Result of a run from files to a file, without its voxels."""

    output: Location
    shape: Shape
    axes: str
    voxel: Voxel
    dtype: str
    step: float | None
    """Value of one step of an integer output in the image's units; None for floating point."""
    iterations: int
    """Number of iterations, the largest over all volumes."""
    stops: bool
    """True if each volume may have taken another number of iterations."""
    seconds: float
    """Seconds from opening the files to the finished output."""
    seconds_per_iteration: float | None
    """Mean time of an iteration; None if too little could be timed, as in a run of one iteration."""
    plan: Plan
    psf_notes: tuple[str, ...]
    cameras: tuple[CameraFound, ...]
    """Camera of each channel."""
    camera_lines: tuple[str, ...]
    """What was found of the cameras, a line each, as it was printed."""
    taken_off: float
    """Offset and background of the first volume that was restored."""
    volumes: int
    """Number of volumes, each restored by the plan."""
    provenance: Provenance
    """Provenance as it is written into the output."""
    bad: tuple[BadVolume, ...]
    """Volumes that could not be restored and are empty in the output."""
    info: tuple[Info, ...]
    """History of each volume restored by this run; empty unless requested."""

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
        """Returns the number of iterations as text, with the reason if the run determined it."""
        if self.stops:
            return describe_found(self.info)
        found = [each for each in self.cameras if each.why]
        if len(found) == len(self.cameras) == 1:
            return f"{self.iterations} iteration{'s' * (self.iterations != 1)} ({found[0].why})"
        numbers = [int(each.iterations) for each in found]
        if found and min(numbers) < max(numbers):
            return f"{min(numbers)} to {max(numbers)} iterations (as each channel was found to need)"
        return "1 iteration" if self.iterations == 1 else f"{self.iterations} iterations"

    def to_dict(self) -> dict[str, Any]:
        """Returns the summary in types that JSON has."""
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
            "cameras": [self._camera(number) for number in range(len(self.cameras))],
            "volumes": self.volumes,
            "bad": [volume.to_dict() for volume in self.bad],
            "info": self._infos(),
            "provenance": self.provenance.to_dict(),
            "plan": self.plan.to_dict(),
        }

    def _camera(self, channel: int) -> dict[str, Any]:
        """Returns all that is known of the camera of a channel."""
        found, used = self.cameras[channel], self.provenance.cameras[channel]
        camera = found.camera
        return {
            **asdict(used),
            "kind": camera.kind,
            "offset_error": camera.offset_error,
            "gain_error": camera.gain_error,
            "why": found.why,
            "said": self.camera_lines[channel] if self.camera_lines else "",
        }

    def _infos(self) -> Any:
        """Returns a list for several volumes, and the entry itself for one, so that simple cases stay simple."""
        infos = [info.to_dict() for info in self.info]
        return infos if self.volumes > 1 and infos else infos[0] if infos else None


def describe_found(info: Sequence[Info]) -> str:
    """Describes how many iterations the volumes took when the run determined them; for one volume also why."""
    numbers = [each.iterations for each in info]
    if len(numbers) == 1:
        return f"{numbers[0]} iterations ({info[0].stopped})"
    # a resumed run has no history of volumes that an earlier run restored: there may be none at all
    low, high = min(numbers, default=0), max(numbers, default=0)
    return f"{low if low == high else f'{low} to {high}'} iterations as each was found to need"
