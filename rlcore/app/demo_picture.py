"""Picture of the demo: truth, image and restored volume in two planes, and a profile through all three."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rlcore.app.plotting import mark_scale, save
from rlcore.backend import Volume

_SCALE_BAR = 2.0
"""Length of the scale bar in micrometres."""
_COLOURS = ("black", "tab:orange", "tab:blue")


def draw(path: Path, truth: Volume, image: Volume, restored: Volume, voxel: tuple[float, ...], iterations: int) -> None:
    """Writes the picture as PNG.

    Parameters
    ----------
    path : Path
        Output file; replaced once the picture is complete.
    truth, image, restored : ndarray
        Volumes of equal shape (z, y, x).
    voxel : tuple of float
        Size of a voxel in micrometres along z, y, x.
    iterations : int
        Number shown in the title.
    """
    at = _liveliest_line(truth)
    panels = [("truth", truth), ("image", image), (f"restored, {iterations} iterations", restored)]
    figure = Figure(figsize=(12, 9.2), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=[1.0, truth.shape[0] * voxel[0] / (truth.shape[1] * voxel[1]), 0.62])
    for column, (title, volume) in enumerate(panels):
        # truth and restored share a scale, so that they can be compared; the image has its own, as blur dims it
        top = float(np.percentile(truth if volume is restored else volume, 99.9))
        upper, lower = figure.add_subplot(grid[0, column]), figure.add_subplot(grid[1, column])
        _show(upper, volume[at[0]], top, voxel[1:], title)
        _show(lower, volume[:, at[1]], top, (voxel[0], voxel[2]), "")
        for axes, line in ((upper, at[1]), (lower, at[0])):
            axes.axhline(line, color="white", linewidth=0.5, alpha=0.6, linestyle=(0, (4, 4)))
        if column == 0:
            upper.set_ylabel("xy")
            lower.set_ylabel("xz")
    _profile(figure.add_subplot(grid[2, :]), panels, at, voxel[2])
    save(figure, path)


def _show(axes: Any, plane: Volume, top: float, voxel: tuple[float, ...], title: str) -> None:
    axes.imshow(plane, cmap="magma", vmin=0, vmax=top, aspect=voxel[0] / voxel[1], interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=title)
    mark_scale(axes, plane.shape, voxel[1], _SCALE_BAR)


def _profile(axes: Any, panels: list[tuple[str, Volume]], at: tuple[int, int], step: float) -> None:
    """Draws values along the dashed line, each volume normalised to its maximum on the line."""
    for (title, volume), colour in zip(panels, _COLOURS, strict=True):
        line = volume[at].astype(float)
        axes.plot(np.arange(len(line)) * step, line / line.max(), color=colour, label=title, linewidth=1.4)
    axes.set(xlabel="x in µm, along the dashed line", ylabel="share of the line's maximum", ylim=(0, 1.22))
    axes.margins(x=0)
    axes.legend(loc="upper right", frameon=False, ncols=3)
    axes.spines[["top", "right"]].set_visible(False)


def _liveliest_line(truth: Volume) -> tuple[int, int]:
    """Returns the plane and row, in the middle third, along which the truth varies most."""
    z, y = truth.shape[:2]
    changes = np.abs(np.diff(truth, axis=2)).sum(axis=2)
    inner = changes[z // 3 : -(z // 3), y // 3 : -(y // 3)]
    row = np.unravel_index(int(inner.argmax()), inner.shape)
    return int(row[0]) + z // 3, int(row[1]) + y // 3
