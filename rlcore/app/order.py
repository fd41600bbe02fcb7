"""What a user asks of one run, and how it is put to the library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlcore.acceleration import check_acceleration
from rlcore.app.reading import Opened, Pick
from rlcore.backend import Backend
from rlcore.boundary import check_boundary
from rlcore.caution import caution
from rlcore.choice import Choice, choose_backend
from rlcore.errors import BackendError, InputError
from rlcore.planner import Plan
from rlcore.psf import PSF, prepare_psf
from rlcore.request import Request, Settings
from rlcore.resources import plan_within


class ScaleWarning(UserWarning):
    """Image and PSF say that their voxels differ in size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Files and options of one run."""

    image: Path
    psf: Path
    output: Path = Path("restored.tif")
    iterations: int = 15
    acceleration: str = "heavy-ball"
    backend: str = "auto"
    device: str | None = None
    boundary: str = "extended"
    background: float = 0.0
    memory: str | None = None
    independent: bool = False
    tolerance: float | None = None
    dtype: str = "float32"
    force: bool = False
    checkpoint: Path | None = None
    channel: int | None = None
    time: int | None = None
    psf_centre: str = "middle"
    psf_background: str = "0"
    psf_energy: float = 1.0

    @property
    def pick(self) -> Pick:
        return Pick(self.channel, self.time)

    def settings(self) -> Settings:
        """The choices that the plan depends on."""
        if self.tolerance is not None and not self.independent:
            raise InputError("--tolerance is for independent blocks; give --independent with it")
        return Settings(
            self.iterations,
            check_boundary(self.boundary),
            self.background,
            self.memory,
            not self.independent,
            self.tolerance,
            check_acceleration(self.acceleration),
        )

    def choose(self) -> Choice:
        """The backend; one that cannot be had is bad input, not a failed run."""
        try:
            return choose_backend(self.backend, _index_or_name(self.device))
        except BackendError as error:
            raise InputError(str(error)) from error

    def prepare(self, image: Opened, psf: Opened) -> PSF:
        """The PSF as asked for; says when it was measured at another scale than the image."""
        if image.voxel.differs(psf.voxel):
            caution(f"psf has voxels of {psf.voxel}, the image of {image.voxel}; resample the psf", ScaleWarning)
        return prepare_psf(
            psf.array,
            ndim=image.array.ndim,
            centre=_centre(self.psf_centre),
            background=_background(self.psf_background),
            energy=self.psf_energy,
        )

    def plan(self, image: Any, psf: PSF, backend: Backend[Any]) -> Plan:
        """The plan of the run: the result goes to a file, so memory need not hold it."""
        request = Request.of(image, psf, self.settings(), backend, None, None)
        job = replace(request.job(self.checkpoint is not None), result_in_memory=False)
        return plan_within(job, backend, request.settings)


def _index_or_name(device: str | None) -> str | int | None:
    return int(device) if device is not None and device.isdigit() else device


def _centre(text: str) -> str | tuple[int, ...]:
    parts = text.split(",")
    if len(parts) > 1 and all(part.strip().isdigit() for part in parts):
        return tuple(map(int, parts))
    return text


def _background(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
