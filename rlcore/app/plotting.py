"""Parts shared by all pictures: scale bars, and saving a figure to a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from rlcore.app.files.writing.destination import partial_output
from rlcore.errors import InputError


def round_length(longest: float) -> float:
    """Returns the largest of 1, 2, 5 times a power of ten that is at most `longest`."""
    # without the margins, rounding would make 0.5 of a length that is 0.9999999999
    power = 10.0 ** math.floor(math.log10(longest) + 1e-9)
    return max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


def mark_scale(axes: Any, shape: tuple[int, ...], step: float, length: float | None = None) -> None:
    """Draws a scale bar in the lower right corner of an image.

    Parameters
    ----------
    axes : matplotlib Axes
        Axes that show an image.
    shape : tuple of int
        Height and width of the image in pixels.
    step : float
        Width of a pixel in micrometres.
    length : float, optional
        Length of the bar in micrometres; by default a round number, at most 0.3 of the width.
    """
    height, width = shape
    micrometres = length or round_length(0.3 * width * step)
    right, low = width * 0.95 - 0.5, height * 0.93 - 0.5
    # a white bar on a wider black one stands out from bright and dark pixels alike
    axes.plot([right - micrometres / step, right], [low, low], color="black", linewidth=5, solid_capstyle="butt")
    axes.plot([right - micrometres / step, right], [low, low], color="white", linewidth=3, solid_capstyle="butt")
    text = f"{micrometres:g} µm" if micrometres >= 0.001 else f"{micrometres * 1000:g} nm"
    middle = right - micrometres / step / 2
    dark = [withStroke(linewidth=2.5, foreground="black")]
    axes.text(middle, low - height * 0.02, text, color="white", ha="center", va="bottom", path_effects=dark)


def save(figure: Figure, path: Path) -> None:
    """Saves a figure as PNG; an existing file is replaced once the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        with partial_output(path) as partial:
            figure.savefig(partial, dpi=110, format="png")
    except OSError as error:
        raise InputError(f"picture {str(path)!r} cannot be written: {error.strerror or error}") from error
