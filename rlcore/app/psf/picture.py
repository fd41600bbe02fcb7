"""Picture of a PSF: planes through its peak, linear and logarithmic, and a profile along each axis."""

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
"""Decades shown in logarithmic planes; height of a plane over its width above which a scale bar's text does not fit."""
_COLOURS = {"z": "tab:green", "y": "tab:orange", "x": "tab:blue"}


def draw(path: Path, values: Volume, found: Inspection, scale: Scale, name: str) -> None:
    """Writes the picture as PNG.

    Parameters
    ----------
    path : Path
        Output file; replaced once the picture is complete.
    values : ndarray
        A PSF of 2 or 3 axes.
    found : Inspection
        Figures of the PSF.
    scale : tuple of float or None
        Voxel size in micrometres along each axis; None if unknown.
    name : str
        Title of the picture.
    """
    shown = np.asarray(values, dtype=float) / np.max(values)
    planes = _planes(shown, found, scale)
    figure = Figure(figsize=(11, 3.4 * 2 + 3.2 + 0.3 * len(found.warnings)), layout="constrained")
    figure.suptitle(name)
    grid = figure.add_gridspec(3, len(planes), height_ratios=[1, 1, 0.9])
    for column, (axes, plane, aspect, step) in enumerate(planes):
        for row, logarithm in enumerate((False, True)):
            panel = figure.add_subplot(grid[row, column])
            # a linear scale hides the faint rings and cones far from the peak, where faults of a PSF show
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
    """Returns name, plane through the peak, aspect of a pixel and its width in micrometres, for each plane."""
    # a peak found by interpolation may lie just outside the volume
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
    # the pedestal is drawn for comparison with the foot of the profiles
    bare = mend_psf(values, centre=False)
    if bare.pedestal:
        panel.axhline(bare.pedestal, color="grey", linestyle=":", linewidth=1)
    panel.set(xlabel=f"{'µm' if scale else 'voxels'} from the peak", ylabel="share of the maximum", ylim=(0, 1.1))
    panel.margins(x=0)
    panel.legend(title="full width at half maximum", frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
