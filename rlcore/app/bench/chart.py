"""Chart of results: voxel-iterations per second of every program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from rlcore.app.bench.table import by, format_rate
from rlcore.app.files.writing.destination import partial_output

_BAR = 0.32
"""Height of a bar in inches."""
_SPAN = 20
"""Ratio of fastest to slowest above which the axis is logarithmic, as short bars would be invisible."""
_COLOURS = "tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive"
"""Colours of the results, in their order."""
_GREY = {"color": "tab:gray"}
_HATCHED = {"hatch": "////", "edgecolor": "black"}


def draw(results: list[dict[str, Any]], names: list[str], path: Path) -> None:
    """Writes the chart as PNG, with a panel for each problem.

    Parameters
    ----------
    results : list of dict
        Results as returned by `measure`.
    names : list of str
        Name of each result; may be empty for a single one. Several results have a colour each, with bars of one program
        side by side and other programs hatched; in a single result, other programs are grey.
    path : Path
        Output file; replaced once the picture is complete.
    """
    shown = panels(results)
    heights = [1 + len(bars) for _, bars in shown]
    legend = _legend(names, starred=any(bar.label.endswith("*") for _, bars in shown for bar in bars))
    below = 0.25 * (1 + len(legend["handles"]))
    figure = Figure(figsize=(10, _BAR * sum(heights) + 0.9 * len(shown) + below), layout="constrained")
    grid = figure.add_gridspec(max(1, len(shown)), 1, height_ratios=heights or [1])
    for number, (title, bars) in enumerate(shown):
        _panel(figure.add_subplot(grid[number, 0]), title, bars, several=len(results) > 1)
    figure.legend(**legend, loc="outside lower left", frameon=False, alignment="left", fontsize=9, title_fontsize=9)
    with partial_output(path) as partial:
        figure.savefig(partial, dpi=130, format="png")


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of one program on one problem."""

    label: str
    rate: float
    ours: bool
    result: int
    """Index of the result that the bar is from."""


def panels(results: list[dict[str, Any]]) -> list[tuple[str, list[Bar]]]:
    """Returns title and bars of each problem, with bars of one program side by side."""
    found: dict[str, list[Bar]] = {}
    for number, result in enumerate(results):
        for problem in result["problems"]:
            # problems are merged by title, as results of several machines may hold different ones
            bars = found.setdefault(f"{problem['name']}: {by(problem['shape'])}, PSF {by(problem['psf_shape'])}", [])
            for row in problem["rows"]:
                if rate := row["figures"]["rate"]:
                    label = row["name"] + ("*" if row.get("less_work") else "")
                    bars.append(Bar(label, rate, row["ours"], number))
    return [(title, _side_by_side(bars)) for title, bars in found.items() if bars]


def _side_by_side(bars: list[Bar]) -> list[Bar]:
    order = list(dict.fromkeys(bar.label for bar in bars))
    return sorted(bars, key=lambda bar: order.index(bar.label))


def _legend(names: list[str], *, starred: bool) -> dict[str, Any]:
    """Returns the legend for colours and stars."""
    several = len(names) > 1
    mine = zip(_COLOURS, names if several else ["backends of rlcore"], strict=False)
    handles = [Patch(color=colour, label=name) for colour, name in mine]
    others = Patch(facecolor="white", label="other programs")
    others.set(**(_HATCHED if several else _GREY))
    handles.append(others)
    title = "* smaller transforms than the boundary needs: less work" if starred else None
    return {"handles": handles, "title": title, "ncols": 1 if several else 2}


def _panel(axes: Any, title: str, bars: list[Bar], *, several: bool) -> None:
    rates = [bar.rate for bar in bars]
    drawn = axes.barh(range(len(bars)), rates, color=[_COLOURS[bar.result % len(_COLOURS)] for bar in bars])
    for patch, bar in zip(drawn, bars, strict=True):
        if not bar.ours:
            patch.set(**(_HATCHED if several else _GREY))
    axes.bar_label(drawn, labels=[format_rate(rate) for rate in rates], padding=3)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=9)
    axes.invert_yaxis()  # the first row of the table on top
    axes.set_title(title, loc="left")
    if max(rates) > _SPAN * min(rates):
        axes.set_xscale("log")
        # room on the right for the labels of bars; a logarithmic axis needs a larger factor
        axes.set_xlim(min(rates) / 2, 1.6 * max(rates))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_xlim(0, 1.12 * max(rates))
    scale = ", logarithmic" if axes.get_xscale() == "log" else ""
    axes.set_xlabel(f"million voxel-iterations per second{scale}")
    axes.spines[["top", "right"]].set_visible(False)
