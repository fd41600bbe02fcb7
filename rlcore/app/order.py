"""What a user asks of one run, and how it is put to the library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlcore.acceleration import check_acceleration
from rlcore.app.channel_psfs import ChannelPSF
from rlcore.app.files.layout import Pick
from rlcore.app.files.opening import Opened
from rlcore.app.psf.fitting import fit_psf
from rlcore.app.run_options import MEND
from rlcore.backend import Backend
from rlcore.boundary import check_boundary
from rlcore.choice import Choice, choose_backend
from rlcore.errors import BackendError, InputError
from rlcore.planner import Plan
from rlcore.psf import PSF
from rlcore.regularization import prior_of
from rlcore.request import Request, Settings
from rlcore.resources import plan_within
from rlcore.stopping import Iterations, check_stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Files and options of one run."""

    image: Path
    psf: Path | None = None
    psfs: tuple[str, ...] = ()
    """One a channel, each as ``0=FILE``, instead of one for all; ``auto`` instead of a file computes it."""
    psf_model: str | None = None
    """For those that are computed."""
    output: Path = Path("restored.tif")
    iterations: Iterations = 15
    acceleration: str = "heavy-ball"
    regularization: str = "none"
    tv_weight: float | None = None
    seed: int = 0
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
    psf_centre: str = MEND
    psf_background: str = MEND
    psf_energy: float = 1.0
    psf_as_is: bool = False
    """Mend nothing, where `psf_centre` and `psf_background` do not say something else."""

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
            prior_of(self.regularization, self.tv_weight, self.seed),
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
        """The PSF of every channel as asked for, on the image's voxels; says what was done to it."""
        made: dict[tuple[Path, Any], PSF] = {}
        for psf in psfs:
            key = psf.opened.path, psf.place
            if key not in made:
                made[key] = self._fit(image, psf)
        return [made[psf.opened.path, psf.place] for psf in psfs]

    def _fit(self, image: Opened, psf: ChannelPSF) -> PSF:
        centre = "middle" if self.psf_as_is and self.psf_centre == MEND else self.psf_centre
        background = "0" if self.psf_as_is and self.psf_background == MEND else self.psf_background
        return fit_psf(image, psf, centre=centre, background=background, energy=self.psf_energy)

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
