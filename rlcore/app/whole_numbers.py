"""Whole numbers in the text of options."""

from __future__ import annotations

_DIGITS = 18
"""Longest number that is taken for one: it fits 64 bits, and Python refuses to convert very long ones."""


def whole_number(text: str) -> int | None:
    """Parses a whole number of at least 0; None for any other text.

    `str.isdigit` is also true for digits such as ² that `int` refuses, and for digits of scripts that are not meant.
    """
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def whole_numbers(parts: list[str]) -> tuple[int, ...] | None:
    """Parses whole numbers of at least 0; None if any part is none."""
    numbers = [whole_number(part) for part in parts]
    return None if None in numbers else tuple(number for number in numbers if number is not None)
