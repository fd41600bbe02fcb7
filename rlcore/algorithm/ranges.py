"""Ranges of options that are numbers."""

from __future__ import annotations

import numbers
import sys
from typing import Any

LARGEST = sys.float_info.max


def in_range(value: Any, least: float, most: float = LARGEST) -> bool:
    """True for a real number, whole ones of any size included, that lies within both bounds; false for NaN."""
    number: Any = value if isinstance(value, numbers.Real) else None
    return number is not None and bool(least <= number <= most)
