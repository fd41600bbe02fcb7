"""What of a microscope shapes its point spread function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from rlcore.errors import InputError

Technique = Literal["wide-field", "confocal", "light-sheet"]
NEAR_CRITICAL = 0.98
"""Share of the critical angle's sine up to which rays are followed; those beyond carry little light."""

TECHNIQUES: tuple[Technique, ...] = get_args(Technique)


@dataclass(frozen=True, slots=True, kw_only=True)
class Microscope:
    """An objective, the light, the specimen, and how it is lit; lengths in micrometres.

    Raises
    ------
    InputError
        If a figure is impossible, or one that the technique needs is missing.
    """

    na: float
    """Numerical aperture; below `index`."""
    wavelength: float
    """Of the light that is recorded."""
    index: float
    """Refractive index of the immersion medium, for which the objective is made."""
    technique: Technique = "wide-field"
    excitation: float | None = None
    """Wavelength of the light that excites, for a confocal microscope; as `wavelength` if None."""
    sample_index: float | None = None
    """Refractive index of the specimen; that of the immersion medium if None."""
    depth: float = 0.0
    """Of the point of light below the coverslip; matters where the indices differ."""
    coverslip_index: float = 1.515
    coverslip_error: float = 0.0
    """How much thicker the coverslip is than the objective is corrected for."""
    pinhole: float = 1.0
    """Diameter in Airy units, 1.22 wavelength / na in the specimen; 0 is a closed one."""
    sheet: float | None = None
    """Full width at half maximum of the light sheet along z."""

    def __post_init__(self) -> None:
        if self.technique not in TECHNIQUES:
            raise InputError(f"technique {self.technique!r} is not known; choose one of {', '.join(TECHNIQUES)}")
        for name in ("na", "wavelength", "index", "excitation", "sample_index", "coverslip_index", "sheet"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} {value!r} is not positive; give a number above 0")
        if not self.na < self.index:
            raise InputError(
                f"na {self.na!r} is not between 0 and the refractive index {self.index!r}; give a smaller aperture"
            )
        for name in ("depth", "pinhole"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} {getattr(self, name)!r} is negative; give 0 or more")
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
        """Whether rays at large angles focus elsewhere than those near the axis."""
        return bool(self.layers)

    @property
    def layers(self) -> list[tuple[float, float]]:
        """Thickness and index of what lies between point and objective besides what the objective is made for."""
        all_layers = [(self.depth, self.in_sample), (self.coverslip_error, self.coverslip_index)]
        return [(thickness, index) for thickness, index in all_layers if thickness and index != self.index]

    @property
    def airy_radius(self) -> float:
        """From the centre to the first dark ring, in micrometres."""
        return 0.61 * self.wavelength / self.na

    @property
    def focal_depth(self) -> float:
        """From the focus to the first dark point of the axis, in micrometres."""
        return self.wavelength / (self.index - math.sqrt(self.index**2 - self.na**2))

    @property
    def marginal_shift(self) -> float:
        """How much deeper than rays near the axis the outermost ones meet, in micrometres of the stage."""
        shift = 0.0
        for thickness, index in self.layers:
            s = min(self.na, NEAR_CRITICAL * index)
            meets = math.sqrt(self.index**2 - s**2) / math.sqrt(index**2 - s**2)
            shift += thickness * (meets - self.index / index)
        return shift
