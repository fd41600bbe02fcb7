"""Microscope of an image, gathered from options, metadata and assumptions, with the source of each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlcore.app.psf.metadata import ImageMetadata, SourcedValue
from rlcore.errors import InputError
from rlcore.optics.microscope import Microscope

_OPTION, _ASSUMED = "option", "assumed"
_AIR, _WATER = (1.0, 1.0), (1.3, 1.33)
"""Aperture below which an objective is assumed to be for air or water, and the medium's index; above both, for oil."""
_OIL = 1.515
_SHORTEST = 0.1, 10.0
"""Wavelengths in nm between which a number is taken for micrometres: no objective is for light so short."""
_WORDS = {
    "technique": "{}",
    "na": "NA {:g}",
    "emission": "emission {:g} nm",
    "excitation": "excitation {:g} nm",
    "immersion": "immersion {:g}",
    "sample": "specimen {:g}",
    "depth": "{:g} µm deep",
    "coverslip_error": "coverslip {:g} µm too thick",
    "pinhole": "pinhole {:g} Airy units",
    "sheet": "sheet {:g} µm",
    "voxel": "voxels {} µm",
}


@dataclass(frozen=True, slots=True)
class SourcedMicroscope:
    """A microscope and the voxels of its image, with the source of each parameter."""

    microscope: Microscope
    voxel: tuple[float, ...]
    """Voxel size in micrometres along z, y, x."""
    figures: Mapping[str, SourcedValue]

    def __str__(self) -> str:
        """Parameters with sources: ``NA 1.2 (objective), emission 520 nm (channel), wide-field (assumed), ...``."""
        used = [(_WORDS[name].format(_text(figure.value)), figure.source) for name, figure in self.figures.items()]
        return ", ".join(f"{text} ({source})" for text, source in used)


def missing_options(metadata: ImageMetadata, options: Mapping[str, Any]) -> list[str]:
    """Returns the names of parameters that are needed but unknown."""
    known = _known(metadata, options)
    sheet = ["sheet"] * (_value(known, "technique") == "light-sheet")
    return [name for name in ("na", "emission", *sheet, "voxel") if name not in known]


def gather_microscope(metadata: ImageMetadata, options: Mapping[str, Any], *, prefix: str = "--") -> SourcedMicroscope:
    """Gathers the parameters of a microscope: options override metadata, and assumptions fill the gaps.

    Parameters
    ----------
    metadata : ImageMetadata
        Metadata of the image.
    options : mapping
        na, emission and excitation in nm, immersion, sample, depth, coverslip_error, pinhole, sheet, technique, voxel;
        None if not given. Lengths other than wavelengths are in micrometres.
    prefix : str
        Prefix of the names of options in messages.

    Raises
    ------
    InputError
        If a needed parameter is unknown, or a parameter is impossible.
    """
    if missing := missing_options(metadata, options):
        raise InputError(f"microscope is not known well enough; give {', '.join(prefix + name for name in missing)}")
    known = _known(metadata, options)
    known.setdefault("technique", SourcedValue("wide-field", _ASSUMED))
    known.setdefault("immersion", usual_medium(known["na"].value))
    if known["technique"].value == "confocal":
        known.setdefault("excitation", SourcedValue(known["emission"].value, f"{_ASSUMED} as emission"))
        known.setdefault("pinhole", SourcedValue(1.0, _ASSUMED))
    for name in ("emission", "excitation"):
        _refuse_micrometres(name, known.get(name), prefix)
    excitation, technique = _value(known, "excitation"), known["technique"].value
    microscope = Microscope(
        na=known["na"].value,
        wavelength=known["emission"].value / 1000,
        index=known["immersion"].value,
        technique=technique,
        excitation=None if excitation is None else excitation / 1000,
        sample_index=_value(known, "sample"),
        depth=_value(known, "depth") or 0.0,
        coverslip_error=_value(known, "coverslip_error") or 0.0,
        # 0 is a valid pinhole, so `or` would not do
        pinhole=1.0 if (pinhole := _value(known, "pinhole")) is None else pinhole,
        sheet=_value(known, "sheet"),
    )
    # parameters without effect on the PSF are not reported
    of_confocal = {"excitation", "pinhole"} if technique != "confocal" else set()
    used = {name: known[name] for name in _WORDS if name in known and name not in of_confocal}
    return SourcedMicroscope(microscope, known["voxel"].value, used)


def _refuse_micrometres(name: str, figure: SourcedValue | None, prefix: str) -> None:
    if figure is not None and _SHORTEST[0] <= figure.value < _SHORTEST[1]:
        raise InputError(
            f"{prefix}{name} {figure.value:g} nm ({figure.source}) is a wavelength in micrometres, it seems; give "
            f"nanometres: {figure.value * 1000:g}"
        )


def _known(metadata: ImageMetadata, options: Mapping[str, Any]) -> dict[str, SourcedValue]:
    given = {name: SourcedValue(value, _OPTION) for name, value in options.items() if value is not None}
    voxel = {} if metadata.voxel is None else {"voxel": SourcedValue(metadata.voxel, "image")}
    return {**voxel, **metadata.figures, **given}  # later ones override earlier ones


def _value(known: Mapping[str, SourcedValue], name: str) -> Any:
    return known[name].value if name in known else None


def usual_medium(na: float) -> SourcedValue:
    """Returns the index of the medium that objectives of this aperture are usually made for."""
    for medium, (below, index) in (("air", _AIR), ("water", _WATER)):
        if na < below:
            return SourcedValue(index, f"{_ASSUMED}: {medium}, by the aperture")
    return SourcedValue(_OIL, f"{_ASSUMED}: oil, by the aperture")


def _text(value: Any) -> Any:
    return " x ".join(f"{length:g}" for length in value) if isinstance(value, tuple) else value
