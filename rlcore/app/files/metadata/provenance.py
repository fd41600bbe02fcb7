"""Provenance of a result: everything needed to reproduce it, written into its metadata."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from rlcore.algorithm.regularization import Prior
from rlcore.app.camera.found import CameraFound
from rlcore.app.run_options import AUTO_EACH
from rlcore.optics.psf import PSF
from rlcore.planner import Plan

AUTO = "auto", AUTO_EACH
"""Values of --iterations by which a run determines their number."""


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
class UsedCamera:
    """Camera of one channel as the run has taken it, in the image's units."""

    channel: str
    """Name of the channel, or its number in the file."""
    offset: float
    taken_off: float
    """Value that was subtracted: the offset less the variance of the read noise over the gain."""
    gain: float | None
    """Image units per photon; None if unknown."""
    read_noise: float
    background: float
    """Light that is not the object's, above the offset; if each volume had its own, that of the first."""
    hot_pixels: int
    """Pixels that were found to be no data."""
    saturated: float | None
    """Value from which on voxels were no data; None if none was."""
    iterations: int | None
    """Iterations of all volumes of the channel; None if each had its own."""

    @classmethod
    def of(cls, channel: str, found: CameraFound) -> UsedCamera:
        camera, number = found.camera, found.iterations
        return cls(
            channel, camera.offset, camera.zero, camera.gain, camera.read_noise, found.level, found.excluded,
            found.limit, None if isinstance(number, str) else number,
        )  # fmt: skip


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
    iterations: int | str
    """Iterations as the user wrote them; "auto" or "auto-each" if the run determined their number."""
    stop: str
    threshold: float | None
    offset: str
    """Offsets as the user wrote them, as those of gains and backgrounds; what was taken is in `cameras`."""
    gain: str
    background: str
    weights: str | None
    """Name of a file of data weights, or "finite"."""
    hot_pixels: str
    """Name of a file, "find" or "keep"."""
    photons: bool
    """True if the result is in photons; otherwise it is in the image's units."""
    start: str
    acceleration: str
    regularization: str
    tv_weight: float | str | None
    """Weight of total variation, or "auto" if it followed the photons of each volume."""
    """Weight of total variation; None without it."""
    seed: int | None
    """Seed of random splits of photons; None if there are none."""
    boundary: str
    tolerance: float | None
    """Error allowed for independent blocks; None if blocks are exact."""
    backend: str
    device: str
    psf: tuple[UsedPSF, ...]
    cameras: tuple[UsedCamera, ...]
    step: float | None = None
    """Value of one step of an integer result; None for floating point."""
    filled: str | None = None
    """Planes that no file has, and which counted as no data; None if all were there."""
    empty: tuple[str, ...] | None = None
    """Volumes that could not be restored and were left empty, each with the reason; None if that was not allowed."""

    @classmethod
    def of(cls, plan: Plan, prior: Prior, psf: tuple[UsedPSF, ...], **said: Any) -> Provenance:
        """Combines a plan, the regularization and further options."""
        return cls(
            version=version("rlcore"), acceleration=plan.acceleration, boundary=plan.geometry.boundary,
            regularization=prior.name, tv_weight=prior.weight if prior.name == "tv" else None,
            seed=prior.seed if prior.name == "consensus" or said["iterations"] in AUTO else None,
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
            f"{self._cameras}"
            f"psf {files}, on {self.backend}{steps}{self._lacking}"
        )

    @property
    def _cameras(self) -> str:
        """What was taken off, and the units; of several channels one after the other."""
        offsets = "/".join(dict.fromkeys(f"{each.taken_off:.6g}" for each in self.cameras))
        backgrounds = "/".join(dict.fromkeys(f"{each.background:.6g}" for each in self.cameras))
        unit = "result in photons, " if self.photons else ""
        return f"offset {offsets}, background {backgrounds}, {unit}"

    @property
    def _lacking(self) -> str:
        filled = f"; the image {self.filled}, which counted as no data" if self.filled else ""
        return f"{filled}; left empty: {'; '.join(self.empty)}" if self.empty else filled

    @property
    def _count(self) -> str:
        if self.iterations in AUTO:
            numbers = "/".join(dict.fromkeys(str(each.iterations) for each in self.cameras if each.iterations))
            return f"{numbers or 'as many'} iterations as held-out photons called for"
        return f"{self.iterations} iterations" if self.stop == "none" else f"at most {self.iterations} iterations"

    @property
    def _regularized(self) -> str:
        if self.regularization == "none":
            return ""
        weight = self.tv_weight if isinstance(self.tv_weight, str | None) else f"{self.tv_weight:g}"
        how = f"seed {self.seed}" if weight is None else f"weight {weight}"
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
