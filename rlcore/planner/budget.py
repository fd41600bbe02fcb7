"""Budgets: bytes that a plan may use, out of the memory that is free."""

from __future__ import annotations

import numbers
import re
from dataclasses import dataclass

from rlcore.backend.host.memory import format_bytes
from rlcore.errors import InputError

RESERVE = 0.10
"""Share of the free memory that a plan leaves unused, unless the caller states the memory."""

_MOST = 1 << 62
"""More bytes than any machine has; larger numbers are slips, and do not fit into the words of arrays."""

_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "K": 2**10,
    "M": 2**20,
    "G": 2**30,
    "T": 2**40,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes a plan may use, and who said so."""

    bytes: int
    source: str
    """As in ``4.0 GiB free by /proc/meminfo, 10 % kept in reserve``."""

    def __str__(self) -> str:
        return f"{format_bytes(self.bytes)} ({self.source})"


def budget_from_free(free: int, source: str, memory: int | float | str | None) -> Budget:
    """A budget out of `free` bytes, or what the caller asked for instead.

    `memory` is bytes (int), a fraction of what is free (float in (0, 1]), or text such as ``"4 GiB"`` or ``"50%"``.
    """
    if memory is None:
        return Budget(int(free * (1 - RESERVE)), f"{source}, {RESERVE:.0%} kept in reserve")
    asked = parse_memory(memory)
    if isinstance(asked, float):
        return Budget(int(free * asked), f"{asked:.0%} of what {source} says is free")
    return Budget(asked, "asked for by the caller")


def parse_memory(memory: int | float | str) -> int | float:
    """Bytes as int, or a fraction as float; InputError for anything else."""
    if isinstance(memory, str):
        return _parse_text(memory)
    if isinstance(memory, float) and 0 < memory <= 1:
        return memory
    if isinstance(memory, numbers.Real) and 1 <= memory <= _MOST and memory == int(memory):
        return int(memory)
    raise InputError(f"memory {memory!r} is neither a number of bytes nor a fraction in (0, 1]")


def _parse_text(text: str) -> int | float:
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*|%)\s*", text)
    number, unit = (float(match[1]), match[2].upper()) if match else (0.0, "")
    if number > 0 and unit == "%" and number <= 100:
        return number / 100
    if number > 0 and unit in _UNITS and 1 <= number * _UNITS[unit] <= _MOST:
        return int(number * _UNITS[unit])
    raise InputError(f"memory {text!r} is not a size; write it like '4 GiB', '800 MB' or '50%'")
