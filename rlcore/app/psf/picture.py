"""A PSF at a glance: three planes through its peak, as it is and by its logarithm, and a profile along each axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rlcore.app.plotting import mark_scale, save
from rlcore.app.psf.files import Scale
from rlcore.backend import Volume
from rlcore.optics.inspect import Inspection, profile
from rlcore.optics.mend import mend_psf

_DECADES, _NARROW = 4, 3.0
"""Of the logarithm; height of a plane over its width beyond which there is no room for a scale bar's text."""
_COLOURS = {"z": "tab:green", "y": "tab:orange", "x": "tab:blue"}


def draw(path: Path, values: Volume, found: Inspection, scale: Scale, name: str) -> None:
    """Write the picture as PNG.

    Parameters
    ----------
    path : Path
        Replaced when the picture is finished.
    values : ndarray
        A PSF of 2 or 3 axes.
    found : Inspection
        Its figures.
    scale : tuple of float or None
        Micrometres along each axis, where known.
    name : str
        For the title.
    """
    shown = np.asarray(values, dtype=float) / np.max(values)
    planes = _planes(shown, found, scale)
    figure = Figure(figsize=(11, 3.4 * 2 + 3.2 + 0.3 * len(found.warnings)), layout="constrained")
    figure.suptitle(name)
    grid = figure.add_gridspec(3, len(planes), height_ratios=[1, 1, 0.9])
    for column, (axes, plane, aspect, step) in enumerate(planes):
        for row, logarithm in enumerate((False, True)):
            panel = figure.add_subplot(grid[row, column])
            picture = np.log10(np.maximum(plane, 10.0**-_DECADES)) if logarithm else plane
            low = -_DECADES if logarithm else 0
            panel.imshow(picture, cmap="magma", vmin=low, vmax=low + (_DECADES if logarithm else 1), aspect=aspect)
            panel.set(xticks=[], yticks=[], title=f"{axes}{f', logarithm, {_DECADES} decades' if logarithm else ''}")
            if step is not None:
                mark_scale(panel, plane.shape, step)
    _profiles(figure.add_subplot(grid[2, :]), shown, found, scale)
    if found.warnings:
        text = "\n".join(f"{warning}" for warning in found.warnings)
        figure.supxlabel(text, fontsize=9, color="tab:red")
    save(figure, path)


def _planes(values: Volume, found: Inspection, scale: Scale) -> list[tuple[str, Volume, float, float | None]]:
    """Names, planes through the brightest voxel, heights of a voxel over widths, and widths in micrometres."""
    at = tuple(min(max(round(place), 0), size - 1) for place, size in zip(found.peak, values.shape, strict=True))
    units = scale or (1.0,) * values.ndim
    step = None if scale is None else scale[-1]
    if values.ndim == 2:
        return [("xy", values, units[0] / units[1], step)]
    z, y, x = units
    narrow = values.shape[0] * z > _NARROW * values.shape[2] * x
    step = None if narrow else step
    return [
        ("xy", values[at[0]], y / x, None if scale is None else x),
        ("xz", values[:, at[1]], z / x, step),
        ("yz", values[:, :, at[2]], z / y, None if step is None else y),
    ]


def _profiles(panel: Any, values: Volume, found: Inspection, scale: Scale) -> None:
    for axis, letter in enumerate("zyx"[-values.ndim :]):
        positions, line = profile(values, found.peak, axis, 8)
        unit = scale[axis] if scale else 1.0
        width = found.fwhm[axis] * unit
        label = f"{letter}: " + (
            "beyond the frame" if np.isnan(width) else f"{width:.3g} {'µm' if scale else 'voxels'}"
        )
        panel.plot((positions - found.peak[axis]) * unit, line / line.max(), color=_COLOURS[letter], label=label)
    bare = mend_psf(values, centre=False)
    if bare.pedestal:
        panel.axhline(bare.pedestal, color="grey", linestyle=":", linewidth=1)
    panel.set(xlabel=f"{'µm' if scale else 'voxels'} from the peak", ylabel="share of the maximum", ylim=(0, 1.1))
    panel.margins(x=0)
    panel.legend(title="full width at half maximum", frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
