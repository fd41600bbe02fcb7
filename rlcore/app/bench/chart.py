"""Results as a picture: how many voxels every program takes through an iteration in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from rlcore.app.bench.table import by
from rlcore.app.writing import beside

_BAR = 0.32
"""Inches of height for a bar."""
_OURS, _OTHERS = "tab:blue", "tab:gray"


def draw(results: list[dict[str, Any]], names: list[str], path: Path) -> None:
    """Write the chart as PNG, a panel for each problem; bars of other programs are grey.

    Parameters
    ----------
    results : list of dict
        As `measure` gives them.
    names : list of str
        What to call each; empty where there is only one.
    path : Path
        Replaced when the picture is finished.
    """
    shown = panels(results, names)
    heights = [1 + len(bars) for _, bars in shown]
    figure = Figure(figsize=(10, _BAR * sum(heights) + 0.9 * len(shown)), layout="constrained")
    grid = figure.add_gridspec(len(shown), 1, height_ratios=heights)
    for number, (title, bars) in enumerate(shown):
        _panel(figure.add_subplot(grid[number, 0]), title, bars)
    with beside(path) as partial:
        figure.savefig(partial, dpi=130, format="png")


def panels(results: list[dict[str, Any]], names: list[str]) -> list[tuple[str, list[tuple[str, float, bool]]]]:
    """Title and bars of each problem: label, rate, whether it is ours."""
    found: dict[str, list[tuple[str, float, bool]]] = {}
    for result, name in zip(results, names, strict=True):
        for problem in result["problems"]:
            title = f"{problem['name']}: {by(problem['shape'])}, PSF {by(problem['psf_shape'])}"
            bars = found.setdefault(title, [])
            for row in problem["rows"]:
                if rate := row["figures"]["rate"]:
                    label = row["name"] + ("*" if row.get("less_work") else "") + (f"\n{name}" if name else "")
                    bars.append((label, rate, row["ours"]))
    return list(found.items())


def _panel(axes: Any, title: str, bars: list[tuple[str, float, bool]]) -> None:
    places = range(len(bars))
    rates = [rate for _, rate, _ in bars]
    drawn = axes.barh(places, rates, color=[_OURS if ours else _OTHERS for _, _, ours in bars])
    axes.bar_label(drawn, labels=[f"{rate:.3g}" for rate in rates], padding=3)
    axes.set_yticks(places, [label for label, _, _ in bars], fontsize=9)
    axes.invert_yaxis()
    axes.set_title(title, loc="left")
    axes.set_xlabel("million voxel-iterations per second")
    axes.set_xlim(0, 1.12 * max(rates, default=1.0))
    axes.spines[["top", "right"]].set_visible(False)
