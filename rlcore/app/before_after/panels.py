"""Picture of a report: before and after, a profile through both, their spectra, and the fit by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rlcore.app.before_after.views import View, frequencies
from rlcore.app.plotting import mark_scale

_NAMES = ("before", "after")
_COLOURS = ("tab:orange", "tab:blue")
_WIDTH = 11.0
_FLATTEST, _TALLEST, _THIN = 0.1, 2.2, 0.2
"""Limits of a plane's height over its width: planes beyond the first two are drawn smaller, and planes flatter than the
third have no room for a scale bar."""

Scale = tuple[float, ...] | None
"""Micrometres along each axis, where known."""


def draw(
    before: View,
    after: View,
    at: tuple[int, int],
    scale: Scale,
    divergence: Sequence[float | None] = (),
    text: Sequence[str] = (),
    level: float | None = None,
) -> Figure:
    """Draws the picture.

    Parameters
    ----------
    before, after : View
        Image and result, through one plane and line.
    at : tuple of int
        Plane and row of the line.
    scale : tuple of float or None
        Size of a voxel in micrometres along each axis; None leaves out scale bars and gives lengths in voxels.
    divergence : sequence of float or None
        I-divergence of each iteration; that panel is left out if none is known.
    text : sequence of str
        Lines at the foot of the picture.
    level : float, optional
        I-divergence that photon noise leaves, in the image's units; not drawn if it is not known.
    """
    steps = scale or (1.0,) * (2 if before.xz is None else 3)
    heights = [_ratio(before.xy.shape, steps[-2:])] + (
        [] if before.xz is None else [_ratio(before.xz.shape, (steps[0], steps[2]))]
    )
    column = 0.43 * _WIDTH
    rows = [column * height for height in heights] + [2.6, 2.9]
    foot = 0.21 * len(text)  # inches for each line of 9 pt
    figure = Figure(figsize=(_WIDTH, sum(rows) + 0.9 + foot), layout="constrained")
    grid = figure.add_gridspec(len(rows), 2, height_ratios=rows)
    # one contrast for both, so that they can be compared; its square root shows dim structures too
    contrast = PowerNorm(0.5, 0, max(before.top, after.top), clip=True)
    planes = []
    for index, (name, view) in enumerate(zip(_NAMES, (before, after), strict=True)):
        planes += _planes(figure, grid, index, name, view, at, scale, contrast)
    bar = figure.colorbar(planes[0].images[0], ax=planes, fraction=0.025, pad=0.01, aspect=40)
    bar.set_label("light, in the image's units")
    _profile(figure.add_subplot(grid[-2, :]), before, after, scale)
    known = [(number + 1, value) for number, value in enumerate(divergence) if value is not None]
    _spectra(figure.add_subplot(grid[-1, 0] if known else grid[-1, :]), before, after, scale)
    if known:
        _fit(figure.add_subplot(grid[-1, 1]), known, level)
    if text:
        figure.supxlabel("\n".join(text), fontsize=9, x=0.01, ha="left")
    return figure


def _ratio(shape: tuple[int, ...], steps: tuple[float, ...]) -> float:
    return float(np.clip(shape[0] * steps[0] / (shape[1] * steps[1]), _FLATTEST, _TALLEST))


def _planes(
    figure: Figure, grid: Any, column: int, name: str, view: View, at: tuple[int, int], scale: Scale, contrast: Any
) -> list[Any]:
    steps = scale or (1.0,) * 3
    planes = [("xy", view.xy, steps[-2] / steps[-1], at[1])]
    if view.xz is not None:
        planes.append(("xz", view.xz, steps[0] / steps[-1], at[0]))
    drawn = []
    for row, (label, plane, aspect, line) in enumerate(planes):
        axes = figure.add_subplot(grid[row, column])
        axes.imshow(plane, cmap="magma", norm=contrast, aspect=aspect, interpolation="nearest")
        axes.set(xticks=[], yticks=[], title=name if row == 0 else "")
        axes.axhline(line, color="white", linewidth=0.5, alpha=0.6, linestyle=(0, (4, 4)))
        if column == 0:
            axes.set_ylabel(label)
        if scale is not None and _ratio(plane.shape, (aspect, 1)) > _THIN:
            mark_scale(axes, plane.shape, scale[-1])
        drawn.append(axes)
    return drawn


def _profile(axes: Any, before: View, after: View, scale: Scale) -> None:
    """Draws light along the dashed line."""
    step = scale[-1] if scale else 1.0
    for name, view, colour in zip(_NAMES, (before, after), _COLOURS, strict=True):
        axes.plot(np.arange(len(view.line)) * step, view.line, color=colour, label=name, linewidth=1.4)
    unit = "µm" if scale else "voxels"
    axes.set(
        xlabel=f"x in {unit}, along the dashed line",
        ylabel="light",
        ylim=(0, 1.15 * max(before.line.max(), after.line.max(), 1e-9)),
    )
    axes.margins(x=0)
    axes.legend(loc="upper right", frameon=False, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)


def _spectra(axes: Any, before: View, after: View, scale: Scale) -> None:
    """Draws mean power by spatial frequency on a logarithmic scale."""
    step = scale[-1] if scale else 1.0
    per_voxel = frequencies(before.xy.shape)
    for name, view, colour in zip(_NAMES, (before, after), _COLOURS, strict=True):
        positive = view.spectrum > 0  # a uniform plane has no power, which a logarithmic axis cannot show
        axes.semilogy(per_voxel[positive] / step, view.spectrum[positive], color=colour, label=name, linewidth=1.4)
    unit = "cycles per µm" if scale else "cycles per voxel"
    axes.set(xlabel=f"spatial frequency of the xy plane, {unit}", ylabel="power over light squared")
    axes.margins(x=0)
    axes.legend(loc="best", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _fit(axes: Any, known: list[tuple[int, float]], level: float | None) -> None:
    """Draws I-divergence per voxel on a logarithmic scale, and the level that photon noise leaves."""
    numbers, values = zip(*known, strict=True)
    axes.semilogy(numbers, values, color="black", marker=".", linewidth=1.2)
    if level is not None:
        axes.axhline(level, color="grey", linestyle=":", linewidth=1, label=f"{level:.2g}: what photon noise leaves")
        axes.legend(loc="upper right", frameon=False)
    axes.set(xlabel="iteration", ylabel="I-divergence per voxel")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
