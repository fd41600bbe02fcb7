"""The model of a camera: ``offset + gain * photons + read noise``, and how much of it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counts", "smoothed", "not linear", "constant noise", "no noise", "too small"]
"""The kind of an image's values: camera counts, or the reason why the noise does not show a camera."""

REASONS: dict[Kind, str] = {
    "counts": "its noise is that of photons",
    "smoothed": "its noise is smooth, as after denoising, resampling or deconvolution",
    "not linear": "the variance of its noise is no linear function of its brightness",
    "constant noise": "its noise does not grow with its brightness",
    "no noise": "it has no noise",
    "too small": "it is too small",
}


@dataclass(frozen=True, slots=True)
class Camera:
    """The camera of one image, as far as it is known. All values but the gain are in the image's units."""

    offset: float = 0.0
    """Value without light; 0 if the image does not show one."""
    gain: float | None = None
    """Image units per photon; None if neither given nor shown by the noise."""
    read_noise: float = 0.0
    """Standard deviation of the noise without light; 0 if unknown."""
    background: float = 0.0
    """Light above the offset that is present everywhere, so that it is not the object's; at least 0."""
    kind: Kind = "counts"
    offset_error: float | None = None
    """Standard error of the offset; None if it was given, or is 0 for want of evidence."""
    gain_error: float | None = None
    """Standard error of the gain; None if it was given, or is unknown."""

    @property
    def pedestal(self) -> float:
        """Variance of the read noise over the gain. Added to image and model, it makes read noise look like photons.

        A normal number of variance s^2 plus s^2 has a Poisson number's mean and variance (Snyder, Hammoud & White,
        J. Opt. Soc. Am. A 10, 1014, 1993).
        """
        return self.read_noise**2 / self.gain if self.gain else 0.0

    @property
    def zero(self) -> float:
        """The value that is subtracted so that the rest has the noise of photons: the offset less the pedestal.

        It is where the line of variance over brightness meets zero.
        """
        return self.offset - self.pedestal

    def __str__(self) -> str:
        offset = f"camera offset {_with_error(self.offset, self.offset_error)}"
        if self.kind != "counts" and self.offset_error is None:
            known = "" if self.gain is None else f", {self._gain()}"
            return f"{offset}{known}; the image shows no camera: {REASONS[self.kind]}"
        noise = f" (read noise {self.read_noise:.2g})" if self.read_noise else ""
        estimated = self.offset_error is not None or self.gain_error is not None
        source = ", estimated from the image's noise" if estimated else ""
        return f"{offset}, {self._gain()}{noise}{source}"

    def _gain(self) -> str:
        if self.gain is None:
            return "gain unknown" + ("" if self.kind == "counts" else f" ({REASONS[self.kind]})")
        return f"gain {_with_error(self.gain, self.gain_error)} image units per photon"


def _with_error(value: float, error: float | None) -> str:
    """The value to the figures that its error leaves it, and the error."""
    if not error or not math.isfinite(error):
        return f"{value:.4g}"
    places = max(0, -math.floor(math.log10(error)) + (error < 3 * 10 ** math.floor(math.log10(error))))
    return f"{value:.{places}f} +- {error:.{places}f}"
