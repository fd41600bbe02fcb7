"""Provenance of a result: everything needed to reproduce it, written into its metadata."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from rlcore.algorithm.regularization import Prior
from rlcore.algorithm.stopping import Iterations
from rlcore.optics.psf import PSF
from rlcore.planner import Plan


@dataclass(frozen=True, slots=True)
class UsedPSF:
    """PSF of one channel."""

    channel: str
    """Name of the channel, or its number in the file."""
    file: str
    shape: tuple[int, ...]
    centre: tuple[int, ...]
    sha256: str
    """SHA-256 of the values used: float64, sum 1, C order, little-endian."""
    notes: tuple[str, ...]

    @classmethod
    def of(cls, channel: str, file: str, psf: PSF) -> UsedPSF:
        return cls(channel, file, psf.values.shape, psf.centre, fingerprint(psf), psf.notes)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Parameters needed to reproduce a result."""

    version: str
    image: str
    image_of_file: str | None
    """Number and name of the image in its file; None if the file holds one."""
    time: str | None
    """Selected time points, as the user wrote them; None for all."""
    channel: str | None
    """Selected channels, as the user wrote them; None for all."""
    iterations: Iterations
    """Iterations as the user wrote them; "auto" if the run determined their number."""
    stop: str
    threshold: float | None
    gain: str | None
    start: str
    acceleration: str
    regularization: str
    tv_weight: float | None
    """Weight of total variation; None without it."""
    seed: int | None
    """Seed of random splits of photons; None if there are none."""
    boundary: str
    background: float
    tolerance: float | None
    """Error allowed for independent blocks; None if blocks are exact."""
    backend: str
    device: str
    psf: tuple[UsedPSF, ...]
    step: float | None = None
    """Value of one step of an integer result; None for floating point."""
    filled: str | None = None
    """Planes that no file has, and for which zeros were taken; None if all were there."""
    empty: tuple[str, ...] | None = None
    """Volumes that could not be restored and were left empty, each with the reason; None if that was not allowed."""

    @classmethod
    def of(cls, plan: Plan, prior: Prior, psf: tuple[UsedPSF, ...], **said: Any) -> Provenance:
        """Combines a plan, the regularization and further options."""
        return cls(
            version=version("rlcore"), acceleration=plan.acceleration, boundary=plan.geometry.boundary,
            regularization=prior.name, tv_weight=prior.weight if prior.name == "tv" else None,
            seed=prior.seed if prior.name == "consensus" or said["iterations"] == "auto" else None,
            tolerance=plan.tolerance, backend=plan.backend, device=plan.device, psf=psf, **said,
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """Provenance as one sentence for people."""
        files = ", ".join(dict.fromkeys(used.file for used in self.psf))
        steps = "" if self.step is None else f", in steps of {self.step:.9g}"
        return (
            f"Richardson-Lucy deconvolution by rlcore {self.version}: {self._count}, "
            f"acceleration {self.acceleration}, {self._regularized}boundary {self.boundary}, "
            f"background {self.background:g}, "
            f"psf {files}, on {self.backend}{steps}{self._lacking}"
        )

    @property
    def _lacking(self) -> str:
        filled = f"; the image {self.filled}, and zeros took their place" if self.filled else ""
        return f"{filled}; left empty: {'; '.join(self.empty)}" if self.empty else filled

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
        """Returns the provenance in types that JSON has."""
        made: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return made

    def entries(self) -> dict[str, str]:
        """Returns the provenance as texts by name, for formats that hold nothing else; entries of None are left out."""
        return {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in self.to_dict().items()
            if value is not None
        }


def fingerprint(psf: PSF) -> str:
    """Returns the SHA-256 of a PSF's values, independent of the machine's byte order."""
    return hashlib.sha256(psf.values.astype("<f8").tobytes()).hexdigest()
