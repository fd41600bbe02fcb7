"""What a result says of how it was made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from rlcore.planner import Plan
from rlcore.psf import PSF
from rlcore.regularization import Prior
from rlcore.stopping import Iterations


@dataclass(frozen=True, slots=True)
class UsedPSF:
    """The PSF of one channel."""

    channel: str
    """Its name, or its number in the file."""
    file: str
    shape: tuple[int, ...]
    centre: tuple[int, ...]
    sha256: str
    """Of its values as they were used: float64, sum 1, C order, little-endian."""
    notes: tuple[str, ...]

    @classmethod
    def of(cls, channel: str, file: str, psf: PSF) -> UsedPSF:
        return cls(channel, file, psf.values.shape, psf.centre, fingerprint(psf), psf.notes)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything that is needed to make the result again."""

    version: str
    image: str
    time: str | None
    """The time points that were picked, as the user wrote them; None for all."""
    channel: str | None
    iterations: Iterations
    """As the user wrote them: "auto" where the run found their number."""
    stop: str
    threshold: float | None
    gain: str | None
    start: str
    acceleration: str
    regularization: str
    tv_weight: float | None
    """None without total variation."""
    seed: int | None
    """None where nothing is drawn."""
    boundary: str
    background: float
    tolerance: float | None
    """None where blocks are exact."""
    backend: str
    device: str
    psf: tuple[UsedPSF, ...]
    step: float | None = None
    """Value of one step of an integer result."""

    @classmethod
    def of(cls, plan: Plan, prior: Prior, psf: tuple[UsedPSF, ...], **said: Any) -> Provenance:
        """What a plan and a user's choices tell."""
        return cls(
            version=version("rlcore"), acceleration=plan.acceleration, boundary=plan.geometry.boundary,
            regularization=prior.name, tv_weight=prior.weight if prior.name == "tv" else None,
            seed=prior.seed if prior.name == "consensus" or said["iterations"] == "auto" else None,
            tolerance=plan.tolerance, backend=plan.backend, device=plan.device, psf=psf, **said,
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """For people."""
        files = ", ".join(dict.fromkeys(used.file for used in self.psf))
        steps = "" if self.step is None else f", in steps of {self.step:.9g}"
        return (
            f"Richardson-Lucy deconvolution by rlcore {self.version}: {self._count}, "
            f"acceleration {self.acceleration}, {self._regularized}boundary {self.boundary}, "
            f"background {self.background:g}, "
            f"psf {files}, on {self.backend}{steps}"
        )

    @property
    def _count(self) -> str:
        if self.iterations == "auto":
            return "as many iterations as held-out photons called for"
        return f"{self.iterations} iterations" if self.stop == "none" else f"at most {self.iterations} iterations"

    @property
    def _regularized(self) -> str:
        if self.regularization == "none":
            return ""
        how = f"weight {self.tv_weight:g}" if self.tv_weight is not None else f"seed {self.seed}"
        return f"regularization {self.regularization} of {how}, "

    def to_dict(self) -> dict[str, Any]:
        """In types that JSON has."""
        made: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return made

    def entries(self) -> dict[str, str]:
        """By name, each a text."""
        return {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in self.to_dict().items()
            if value is not None
        }


def fingerprint(psf: PSF) -> str:
    """SHA-256 of a PSF's values."""
    return hashlib.sha256(psf.values.astype("<f8").tobytes()).hexdigest()
