"""Results as a picture: how many voxels every program takes through an iteration in a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from rlcore.app.bench.table import by
from rlcore.app.files.destination import beside

_BAR = 0.32
"""Inches of height for a bar."""
_SPAN = 20
"""Ratio of the fastest to the slowest beyond which the axis is logarithmic, or the slow could not be seen."""
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
    figure = Figure(figsize=(10, _BAR * sum(heights) + 0.9 * len(shown) + 0.5), layout="constrained")
    grid = figure.add_gridspec(len(shown), 1, height_ratios=heights)
    for number, (title, bars) in enumerate(shown):
        _panel(figure.add_subplot(grid[number, 0]), title, bars)
    handles = [Patch(color=_OURS, label="backends of rlcore"), Patch(color=_OTHERS, label="other programs")]
    starred = any(bar.label.partition("\n")[0].endswith("*") for _, bars in shown for bar in bars)
    about = "* smaller transforms than the boundary needs: less work" if starred else None
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, title=about, alignment="left")
    with beside(path) as partial:
        figure.savefig(partial, dpi=130, format="png")


@dataclass(frozen=True, slots=True)
class Bar:
    """A contender on a problem."""

    label: str
    rate: float
    ours: bool


def panels(results: list[dict[str, Any]], names: list[str]) -> list[tuple[str, list[Bar]]]:
    """Title and bars of each problem."""
    found: dict[str, list[Bar]] = {}
    for result, name in zip(results, names, strict=True):
        for problem in result["problems"]:
            title = f"{problem['name']}: {by(problem['shape'])}, PSF {by(problem['psf_shape'])}"
            bars = found.setdefault(title, [])
            for row in problem["rows"]:
                if rate := row["figures"]["rate"]:
                    label = row["name"] + ("*" if row.get("less_work") else "") + (f"\n{name}" if name else "")
                    bars.append(Bar(label, rate, row["ours"]))
    return [(title, bars) for title, bars in found.items() if bars]


def _panel(axes: Any, title: str, bars: list[Bar]) -> None:
    rates = [bar.rate for bar in bars]
    drawn = axes.barh(range(len(bars)), rates, color=[_OURS if bar.ours else _OTHERS for bar in bars])
    axes.bar_label(drawn, labels=[f"{rate:.3g}" for rate in rates], padding=3)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=9)
    axes.invert_yaxis()
    axes.set_title(title, loc="left")
    if max(rates) > _SPAN * min(rates):
        axes.set_xscale("log")
        axes.set_xlim(min(rates) / 2, 2 * max(rates))
    else:
        axes.set_xlim(0, 1.12 * max(rates))
    scale = ", logarithmic" if axes.get_xscale() == "log" else ""
    axes.set_xlabel(f"million voxel-iterations per second{scale}")
    axes.spines[["top", "right"]].set_visible(False)
