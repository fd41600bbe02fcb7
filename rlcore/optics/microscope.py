"""The properties of a microscope that determine its point spread function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from rlcore.errors import InputError

Technique = Literal["wide-field", "confocal", "light-sheet"]
NEAR_CRITICAL = 0.98
"""Share of the critical angle's sine up to which rays are traced; rays beyond carry little light."""

TECHNIQUES: tuple[Technique, ...] = get_args(Technique)


RANGES = {
    "na": (1e-3, 10.0),
    "wavelength": (1e-3, 2e3),
    "index": (0.1, 10.0),
    "excitation": (1e-3, 2e3),
    "sample_index": (0.1, 10.0),
    "coverslip_index": (0.1, 10.0),
    "sheet": (1e-3, 1e6),
}
"""Least and greatest number that a microscope may have; grids for numbers far beyond would never be done. Wavelengths
beyond `NANOMETRES` have a message of their own."""
THICKEST = 1e5
"""Greatest depth and thickness in micrometres."""
WIDEST_PINHOLE = 1e3
"""Greatest diameter of a pinhole in Airy units."""
NANOMETRES = 100.0
"""Wavelength from which on a number of micrometres is taken for one of nanometres: light is at most 2 micrometres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Microscope:
    """An objective, light, specimen and technique of illumination; lengths are in micrometres.

    Raises
    ------
    InputError
        If a figure is impossible, or one that the technique needs is missing.
    """

    na: float
    """Numerical aperture; below `index`."""
    wavelength: float
    """Wavelength of the recorded light, in vacuum."""
    index: float
    """Refractive index of the immersion medium, for which the objective is made."""
    technique: Technique = "wide-field"
    """Way of illuminating the specimen and recording its light."""
    excitation: float | None = None
    """Wavelength of the exciting light of a confocal microscope; that of `wavelength` if None."""
    sample_index: float | None = None
    """Refractive index of the specimen; that of the immersion medium if None."""
    depth: float = 0.0
    """Depth of the point of light below the coverslip; matters where `sample_index` differs from `index`."""
    coverslip_index: float = 1.515
    """Refractive index of the coverslip."""
    coverslip_error: float = 0.0
    """Thickness of the coverslip beyond that for which the objective is corrected; negative if thinner."""
    pinhole: float = 1.0
    """Diameter of the pinhole in Airy units (1.22 wavelength / na, in the specimen); 0 is the limit of a closed one."""
    sheet: float | None = None
    """Full width at half maximum of the light sheet along z."""

    def __post_init__(self) -> None:
        if self.technique not in TECHNIQUES:
            raise InputError(f"technique {self.technique!r} is not known; choose one of {', '.join(TECHNIQUES)}")
        for name in ("na", "wavelength", "index", "excitation", "sample_index", "coverslip_index", "sheet"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} {value!r} is not positive; give a number above 0")
            if value is not None and name in ("wavelength", "excitation") and NANOMETRES <= value <= RANGES[name][1]:
                raise InputError(
                    f"{name} {value!r} is a wavelength in nanometres, it seems; give micrometres: {value / 1000:g}"
                )
            if value is not None and not RANGES[name][0] <= value <= RANGES[name][1]:
                least, most = RANGES[name]
                raise InputError(f"{name} {value!r} is no microscope's; give a number from {least:g} to {most:g}")
        if not self.na < self.index:
            raise InputError(
                f"na {self.na!r} is not between 0 and the refractive index {self.index!r}; give a smaller aperture"
            )
        for name in ("depth", "pinhole"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} {getattr(self, name)!r} is negative; give 0 or more")
        for name, most in (("depth", THICKEST), ("coverslip_error", THICKEST), ("pinhole", WIDEST_PINHOLE)):
            if abs(getattr(self, name)) > most:
                raise InputError(f"{name} {getattr(self, name)!r} is no microscope's; give at most {most:g}")
        if not math.isfinite(self.coverslip_error):
            raise InputError(f"coverslip_error {self.coverslip_error!r} is not finite; give micrometres")
        if self.technique == "light-sheet" and self.sheet is None:
            raise InputError("light-sheet microscope without the thickness of its sheet; give it in micrometres: sheet")

    @property
    def in_sample(self) -> float:
        """Refractive index of the specimen."""
        return self.index if self.sample_index is None else self.sample_index

    @property
    def aberrated(self) -> bool:
        """True if rays at large angles focus elsewhere than paraxial ones."""
        return bool(self.layers)

    @property
    def layers(self) -> list[tuple[float, float]]:
        """Thickness and index of every layer in the light's way for which the objective is not made."""
        all_layers = [(self.depth, self.in_sample), (self.coverslip_error, self.coverslip_index)]
        return [(thickness, index) for thickness, index in all_layers if thickness and index != self.index]

    @property
    def airy_radius(self) -> float:
        """Radius of the first dark ring in focus, in micrometres."""
        return 0.61 * self.wavelength / self.na

    @property
    def focal_depth(self) -> float:
        """Distance from the focus to the first dark point of the axis, in micrometres; not a paraxial approximation."""
        return self.wavelength / (self.index - math.sqrt(self.index**2 - self.na**2))

    @property
    def marginal_shift(self) -> float:
        """Depth at which marginal rays meet below paraxial ones, in micrometres of the stage."""
        shift = 0.0
        for thickness, index in self.layers:
            s = min(self.na, NEAR_CRITICAL * index)
            # By Snell's law s is the sine times the index in every layer; the ratio of tangents is that of the depths.
            meets = math.sqrt(self.index**2 - s**2) / math.sqrt(index**2 - s**2)
            shift += thickness * (meets - self.index / index)
        return shift
