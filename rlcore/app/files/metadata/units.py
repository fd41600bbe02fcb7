"""Units of length and time: one table of their symbols, sizes, spellings, and names in file formats."""

from __future__ import annotations

import unicodedata

_PREFIXES = {
    "yotta": ("Y", 1e24), "zetta": ("Z", 1e21), "exa": ("E", 1e18), "peta": ("P", 1e15), "tera": ("T", 1e12),
    "giga": ("G", 1e9), "mega": ("M", 1e6), "kilo": ("k", 1e3), "hecto": ("h", 1e2), "deca": ("da", 1e1),
    "": ("", 1.0), "deci": ("d", 1e-1), "centi": ("c", 1e-2), "milli": ("m", 1e-3), "micro": ("µ", 1e-6),
    "nano": ("n", 1e-9), "pico": ("p", 1e-12), "femto": ("f", 1e-15), "atto": ("a", 1e-18), "zepto": ("z", 1e-21),
    "yocto": ("y", 1e-24),
}  # fmt: skip
_OTHER_LENGTHS = {
    "Å": ("angstrom", 1e-10), "thou": ("thou", 2.54e-5), "li": ("line", 0.0254 / 12), "pt": ("point", 0.0254 / 72),
    "inch": ("inch", 0.0254), "ft": ("foot", 0.3048), "yd": ("yard", 0.9144), "mi": ("mile", 1609.344),
    "ua": ("astronomical unit", 1.495978707e11), "ly": ("light year", 9.4607304725808e15),
    "pc": ("parsec", 3.0856775814913673e16),
}  # fmt: skip
_LENGTHS = {f"{sign}m": (f"{prefix}meter", size) for prefix, (sign, size) in _PREFIXES.items()} | _OTHER_LENGTHS
"""Name, and size in metres, of every unit of length in the OME schema, by its symbol."""

_TIMES = {f"{sign}s": (f"{prefix}second", size) for prefix, (sign, size) in _PREFIXES.items()} | {
    "min": ("minute", 60.0), "h": ("hour", 3600.0), "d": ("day", 86400.0),
}  # fmt: skip
"""Name, and size in seconds, of every unit of time in the OME schema, by its symbol."""

_NOT_IN_ZARR = {"dam", "das", "thou", "li", "pt", "ua", "ly"}
"""Units of the OME schema without a name in OME-Zarr."""

_WITHOUT_SIZE = {"pixel", "reference frame"}
"""What the OME schema takes for units of length, though they are not any."""

_NAMES = {name: sign for sign, (name, _) in _LENGTHS.items()} | {name: sign for sign, (name, _) in _TIMES.items()}
_SPELLINGS = {
    **_NAMES,
    "micron": "µm", "mikron": "µm", "um": "µm", "µ": "µm", "mu": "µm", "mikrometer": "µm", "us": "µs",
    "ångström": "Å", "ångstrom": "Å", "ang": "Å", "in": "inch", "in.": "inch", '"': "inch", "inche": "inch",
    "feet": "ft", "mil": "thou", "au": "ua", "lightyear": "ly", "astronomicalunit": "ua",
    "sec": "s", "msec": "ms", "usec": "µs", "µsec": "µs", "nsec": "ns", "mn": "min", "hr": "h",
    "px": "pixel", "pixel": "pixel", "voxel": "pixel", "referenceframe": "reference frame",
}  # fmt: skip
"""Variants in lower case, without a plural's s; ImageJ, tifffile and other programs write them."""


def canonical(unit: str) -> str:
    """Returns the canonical symbol of a unit, such as µm or s; unknown units are returned unchanged."""
    # the sign of micro and the Greek letter mu look alike, as do the sign of the ångström and the letter
    text = unicodedata.normalize("NFKC", unit.replace("\\u00B5", "µ")).replace("μ", "µ").strip(" \0\t\r\n")
    if text in _LENGTHS or text in _TIMES or text in _WITHOUT_SIZE:
        return text
    word = text.lower().replace("metre", "meter")
    for one in (word, word.removesuffix("s"), word.replace(" ", ""), word.replace(" ", "").removesuffix("s")):
        if found := _SPELLINGS.get(one):
            return found
    # symbols in capitals only, as MM, which no unit has
    return word if word in _LENGTHS or word in _TIMES else unit


def metres(unit: str) -> float | None:
    """Returns the size of a unit of length, given by its canonical symbol; None for anything else."""
    return _LENGTHS[unit][1] if unit in _LENGTHS else None


def converted(value: float, unit: str, wanted: str) -> float | None:
    """Returns a length or a time in another unit, both given by their canonical symbols; None if that cannot be."""
    if unit == wanted:
        return value
    for known in (_LENGTHS, _TIMES):
        if unit in known and wanted in known:
            # to fifteen digits, so that 7 µm are 7000 nm, not 6999.999999999999
            return float(f"{value * (known[unit][1] / known[wanted][1]):.15g}")
    return None


def in_zarr(unit: str) -> str:
    """Returns OME-Zarr's name of a unit; units without one are returned unchanged."""
    if unit in _NOT_IN_ZARR:
        return unit
    return (_LENGTHS | _TIMES)[unit][0] if unit in _LENGTHS or unit in _TIMES else unit


def has_zarr_name(unit: str) -> bool:
    """Returns whether a unit of length can be named in OME-Zarr."""
    return unit in _LENGTHS and unit not in _NOT_IN_ZARR


def in_ome_xml(unit: str, axis: str) -> str | None:
    """Returns the OME schema's symbol of a unit along an axis; None if the schema lacks it."""
    known = _TIMES.keys() if axis == "T" else _LENGTHS.keys() | _WITHOUT_SIZE
    return {"inch": "in"}.get(unit, unit) if unit in known else None
