"""Sealed states: JSON that names its program and format and ends with a checksum of itself, so that a file that was
edited, cut short or written by someone else is never taken for what a run has written.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any


def seal(program: str, format_: int, content: Mapping[str, Any]) -> bytes:
    """Returns the text of a state."""
    body = json.loads(json.dumps({"program": program, "format": format_, **content}))
    return json.dumps(body | {"sum": _sum(body)}).encode()


def unseal(text: bytes, program: str, format_: int) -> dict[str, Any]:
    """Returns the content of a state.

    Raises
    ------
    ValueError
        With the reason, if it is not as it was written.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("its state is not one of rlcore's") from error
    if not isinstance(found, dict) or found.get("program") != program:
        raise ValueError("its state is not one of rlcore's")
    if found.get("format") != format_:
        raise ValueError(f"it is of format {found.get('format')!r}, and this version of rlcore knows {format_} alone")
    try:
        intact = found.pop("sum", None) == _sum(found)
    except RecursionError:  # what can be read may still be too deep to be written
        intact = False
    if not intact:
        raise ValueError("its state has been changed")
    return found


def ranges(numbers: set[int]) -> list[list[int]]:
    """Returns numbers as ranges, each by its first and last."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _sum(body: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
