"""Units of length and time: one canonical symbol each, and their names in file formats."""

from __future__ import annotations

_PREFIXES = {
    "yotta": "Y", "zetta": "Z", "exa": "E", "peta": "P", "tera": "T", "giga": "G", "mega": "M", "kilo": "k",
    "hecto": "h", "": "", "deci": "d", "centi": "c", "milli": "m", "micro": "µ", "nano": "n", "pico": "p",
    "femto": "f", "atto": "a", "zepto": "z", "yocto": "y",
}  # fmt: skip
_LENGTHS = {f"{prefix}meter": f"{sign}m" for prefix, sign in _PREFIXES.items()} | {
    "angstrom": "Å", "inch": "inch", "foot": "ft", "yard": "yd", "mile": "mi", "parsec": "pc",
}  # fmt: skip
_TIMES = {f"{prefix}second": f"{sign}s" for prefix, sign in _PREFIXES.items()} | {
    "minute": "min", "hour": "h", "day": "d",
}  # fmt: skip
# variants that ImageJ, tifffile and other programs write; "μ" (Greek mu) and "µ" (micro sign) look alike
_SPELLINGS = {
    "micron": "µm",
    "microns": "µm",
    "um": "µm",
    "μm": "µm",
    "\\u00B5m": "µm",
    "in": "inch",
    "sec": "s",
    "us": "µs",
    "μs": "µs",
    **_LENGTHS,
    **_TIMES,
}
_ONLY_OME = {"dam", "thou", "li", "ua", "ly", "pt", "pixel", "reference frame", "das"}
"""Units of the OME schema without a name in OME-Zarr."""

_OF_LENGTH = {sign: name for name, sign in _LENGTHS.items()}
_OF_TIME = {sign: name for name, sign in _TIMES.items()}


def canonical(unit: str) -> str:
    """Returns the canonical symbol of a unit, such as µm or s; unknown units are returned unchanged."""
    return _SPELLINGS.get(unit, unit)


def in_zarr(unit: str) -> str:
    """Returns OME-Zarr's name of a unit; units without one are returned unchanged."""
    return _OF_LENGTH.get(unit) or _OF_TIME.get(unit) or unit


def in_ome_xml(unit: str, axis: str) -> str | None:
    """Returns the OME schema's symbol of a unit along an axis; None if the schema lacks it."""
    known = (_OF_TIME if axis == "T" else _OF_LENGTH).keys() | _ONLY_OME
    return {"inch": "in"}.get(unit, unit) if unit in known else None
