"""Colours of channels: one form for OME-XML's numbers, ImageJ's lookup tables, and OME-Zarr's display settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

_HEX = re.compile("#?([0-9A-Fa-f]{6})")
_OPAQUE = 0xFF


def of_hex(text: object) -> str:
    """Returns a colour as six hexadecimal digits of red, green and blue; an empty text if it is none."""
    found = _HEX.fullmatch(str(text))
    return found[1].upper() if found else ""


def of_ome_number(text: str | None) -> str:
    """Returns the colour of OME-XML's signed number of red, green, blue and opacity; an empty text if there is none."""
    try:
        number = int(text or "")
    except ValueError:
        return ""
    # black is what programs write that know no colour: nothing could be seen in it
    return f"{number >> 8 & 0xFFFFFF:06X}" if number >> 8 & 0xFFFFFF else ""


def in_ome_number(colour: str) -> str:
    """Returns a colour as OME-XML's signed number of 32 bits."""
    number = int(colour, 16) << 8 | _OPAQUE
    return str(number - (1 << 32) if number >> 31 else number)


def of_table(table: Any) -> str:
    """Returns the colour of a lookup table from black to one colour; an empty text for any other table."""
    values = np.asarray(table)
    if values.shape != (3, 256) or not values[:, -1].any():
        return ""
    ramp = np.arange(256) / 255 * values[:, -1:].astype(float)
    # programs round the steps of a ramp in different ways
    return "".join(f"{value:02X}" for value in values[:, -1]) if np.abs(values - ramp).max() <= 1 else ""


def colours_of_channels(colours: Sequence[str], size: int) -> tuple[str, ...]:
    """Returns the colours of all channels; none unless there is an entry for each."""
    return tuple(colours) if len(colours) == size and any(colours) else ()
