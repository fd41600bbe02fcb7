"""What a user asks of one run, and how it is put to the library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlcore.acceleration import check_acceleration
from rlcore.app.channel_psfs import ChannelPSF
from rlcore.app.files.layout import Pick
from rlcore.app.files.opening import Opened
from rlcore.backend import Backend
from rlcore.boundary import check_boundary
from rlcore.caution import caution
from rlcore.choice import Choice, choose_backend
from rlcore.errors import BackendError, InputError
from rlcore.planner import Plan
from rlcore.psf import PSF, prepare_psf
from rlcore.request import Request, Settings
from rlcore.resources import plan_within
from rlcore.stopping import Iterations, check_stop


class ScaleWarning(UserWarning):
    """Image and PSF say that their voxels differ in size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Files and options of one run."""

    image: Path
    psf: Path | None = None
    psfs: tuple[str, ...] = ()
    """One a channel, each as ``0=FILE``, instead of one for all."""
    output: Path = Path("restored.tif")
    iterations: Iterations = 15
    acceleration: str = "heavy-ball"
    stop: str = "none"
    threshold: float | None = None
    gain: str | None = None
    start: str = "constant"
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
    channel: str | int | None = None
    time: str | int | None = None
    axes: str | None = None
    psf_centre: str = "middle"
    psf_background: str = "0"
    psf_energy: float = 1.0

    @property
    def pick(self) -> Pick:
        return Pick(self.channel, self.time, self.axes)

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
            check_stop(self.stop),
            self.threshold,
            _gain(self.gain),
        )

    def choose(self) -> Choice:
        """The backend; one that cannot be had is bad input, not a failed run."""
        try:
            return choose_backend(self.backend, _index_or_name(self.device))
        except BackendError as error:
            raise InputError(str(error)) from error

    def prepare(self, image: Opened, psfs: list[ChannelPSF]) -> list[PSF]:
        """The PSF of every channel as asked for; says when one was measured at another scale than the image."""
        made: dict[tuple[Path, Any], PSF] = {}
        for psf in psfs:
            key = psf.opened.path, psf.place
            if key not in made:
                made[key] = self._prepare(image, psf)
        return [made[psf.opened.path, psf.place] for psf in psfs]

    def _prepare(self, image: Opened, psf: ChannelPSF) -> PSF:
        ours, theirs = image.about.voxel, psf.opened.about.voxel
        if ours.differs(theirs):
            caution(f"psf has voxels of {theirs}, the image of {ours}; resample the psf", ScaleWarning)
        volume = psf.opened.volume(psf.place)
        return prepare_psf(
            volume[(slice(None),) * volume.ndim],
            ndim=len(image.layout.volume_shape),
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


def _gain(text: str | None) -> float | tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError as error:
        raise InputError(f"gain {text!r} is neither a number nor a pair of gain and offset") from error
    return numbers[0] if len(numbers) == 1 else numbers


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
