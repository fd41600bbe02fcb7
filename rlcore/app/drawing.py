"""What all pictures share: scale bars, and files that are replaced when they are finished."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from rlcore.errors import InputError


def round_length(longest: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not longer."""
    power = 10.0 ** math.floor(math.log10(longest) + 1e-9)
    return max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


def mark_scale(axes: Any, shape: tuple[int, ...], step: float, length: float | None = None) -> None:
    """A bar in the lower right corner: `length` micrometres, or a round number of them; pixels are `step` wide."""
    height, width = shape
    micrometres = length or round_length(0.3 * width * step)
    right, low = width * 0.95 - 0.5, height * 0.93 - 0.5
    axes.plot([right - micrometres / step, right], [low, low], color="black", linewidth=5, solid_capstyle="butt")
    axes.plot([right - micrometres / step, right], [low, low], color="white", linewidth=3, solid_capstyle="butt")
    text = f"{micrometres:g} µm" if micrometres >= 0.001 else f"{micrometres * 1000:g} nm"
    middle = right - micrometres / step / 2
    dark = [withStroke(linewidth=2.5, foreground="black")]  # readable on whatever lies below
    axes.text(middle, low - height * 0.02, text, color="white", ha="center", va="bottom", path_effects=dark)


def save(figure: Figure, path: Path) -> None:
    """As PNG, beside its name first."""
    beside = path.with_name(path.name + ".partial")
    try:
        figure.savefig(beside, dpi=110, format="png")
        beside.replace(path)
    except OSError as error:
        raise InputError(f"picture {str(path)!r} cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
