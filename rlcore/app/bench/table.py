"""Table of results: on a terminal, or in Markdown."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from rlcore.app.speed import duration
from rlcore.backend.host.memory import format_bytes

TIMES = "transforms", "per iteration", "cold", "warm", "calls", "Mvoxel-it/s", "x floor", "speed-up"
REST = "device", "boundary", "planning", "peak memory", "of plan", "error"
NOTES = (
    "Times are medians, ± half the range. x floor: an iteration over four bare transforms of its shape by its library.",
    "Cold: the first call in a new process, with import and opening the device; warm: a later one.",
    "Planning of transforms: the first ever / in a later process. Error: to float64, as a share of the maximum.",
    "Calls: cold + warm; (3 of 10 it) of fewer iterations, since more would not have ended in time: no error is given.",
    "Peak memory: above the input, on a card with the driver's; (v) in volumes of the transforms' shape in float32.",
    "Speed-up: of the warm call over the first row's; (it) of an iteration, where calls are not alike.",
    "* transforms smaller than the boundary needs: less work, and another result.",
)


def title(problem: dict[str, Any], settings: dict[str, Any]) -> str:
    """Returns a line that names the problem and the number of iterations."""
    return (
        f"{problem['name']}: {by(problem['shape'])}, PSF {by(problem['psf_shape'])}, "
        f"{settings['iterations']} iterations"
    )


def cells(row: dict[str, Any], first: dict[str, Any] | None, asked: int) -> dict[str, str]:
    """Formats a row by column.

    Parameters
    ----------
    row : dict
        A row of a result.
    first : dict or None
        Row that speed-ups refer to.
    asked : int
        Iterations requested.
    """
    facts, figures = row["facts"], row["figures"]
    return {
        "program": row["name"],
        "device": facts["device"],
        "boundary": facts["boundary"],
        "transforms": _transforms(facts) + ("*" if row["less_work"] else ""),
        "per iteration": _time(figures["iteration"], figures["iteration_spread"]),
        "cold": _time(figures["cold"]),
        "warm": _time(figures["warm"], figures["warm_spread"]),
        "calls": _calls(row, asked),
        "Mvoxel-it/s": "" if figures["rate"] is None else format_rate(figures["rate"]),
        "x floor": _number(figures["floor_ratio"], "{:.2f}"),
        "planning": _planning(figures),
        "peak memory": _peak(figures),
        "of plan": _number(figures["peak_of_plan"], "{:.0%}"),
        "error": _number(figures["error"], "{:.0e}"),
        "speed-up": "" if first is None else speed_up(row, first),
    }


def speed_up(row: dict[str, Any], first: dict[str, Any]) -> str:
    """Returns the speed-up of the warm call over the first row's; of an iteration, with "(it)", if calls differ."""
    mine, theirs = row["figures"], first["figures"]
    if mine["warm"] and theirs["warm"] and row["iterations"] == first["iterations"]:
        return f"{theirs['warm'] / mine['warm']:.2f}"
    return f"{theirs['iteration'] / mine['iteration']:.2f} (it)" if mine["iteration"] and theirs["iteration"] else ""


def format_rate(rate: float) -> str:
    """Formats a rate with three significant digits, never as a power of ten."""
    rounded = float(f"{rate:.3g}")
    return f"{rounded:.0f}" if rounded >= 1000 else f"{rounded:#.3g}".rstrip(".")


def _calls(row: dict[str, Any], asked: int) -> str:
    """Formats the number of calls, and their iterations if fewer than requested."""
    made = f"{len(row['cold'])} + {len(row['warm'])}"
    return made if row["iterations"] == asked else f"{made} ({row['iterations']} of {asked} it)"


def show(result: dict[str, Any], console: Console) -> None:
    """Prints two tables for each problem, and the reasons for missing rows."""
    for problem in result["problems"]:
        console.print(title(problem, result["settings"]), markup=False, style="bold")
        # one table with all columns would be too wide for a terminal
        for columns in (TIMES, REST) if any(map(measured, problem["rows"])) else ():
            table = Table("program", *columns, box=None, pad_edge=False)
            for cells_of_row in lines(problem, ("program", *columns), result["settings"]):
                table.add_row(*cells_of_row)
            console.print(table)
            console.print()
        for line in failures(problem):
            console.print(line, markup=False, soft_wrap=True)
    for note in NOTES:
        console.print(note, markup=False, soft_wrap=True)


def markdown(result: dict[str, Any]) -> str:
    """Returns all tables in Markdown."""
    text: list[str] = []
    for problem in result["problems"]:
        text += [f"**{title(problem, result['settings'])}**", ""]
        for columns in (TIMES, REST) if any(map(measured, problem["rows"])) else ():
            text += [
                *markdown_table(("program", *columns), lines(problem, ("program", *columns), result["settings"])),
                "",
            ]
        text += [f"- {line}" for line in failures(problem)] + [""]
    return "\n".join([*text, *NOTES])


def lines(problem: dict[str, Any], columns: tuple[str, ...], settings: dict[str, Any]) -> list[list[str]]:
    """Returns the cells of the given columns for all measured rows of a problem."""
    rows = [row for row in problem["rows"] if measured(row)]
    made = [cells(row, rows[0], settings["iterations"]) for row in rows]
    return [[row[column] for column in columns] for row in made]


def markdown_table(columns: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    """Returns the lines of a table in Markdown."""
    # a star marks less work, and would start emphasis in Markdown
    escaped = [[cell.replace("*", "\\*") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in [list(columns), ["---"] * len(columns), *escaped]]


def measured(row: dict[str, Any]) -> bool:
    """Returns whether a row has any measurement to show."""
    return bool(row["facts"] and (row["cold"] or row["iteration"]))


def failures(problem: dict[str, Any]) -> list[str]:
    """Returns a line for each contestant that failed or was skipped, with the reason."""
    return [f"{row['name']}: {row['failure']}" for row in problem["rows"] if row["failure"]]


def wide_console() -> Console:
    """Returns a console that is wide enough for a table if stdout is a file."""
    # rich takes 80 columns for a file and would break cells
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


def by(shape: list[int]) -> str:
    """Formats a shape as ``64 x 512 x 512``."""
    return " x ".join(map(str, shape))


def _transforms(facts: dict[str, Any]) -> str:
    """Formats the shape of the transforms, and the number of blocks if there are several."""
    shape = by(facts["padded"]) if facts["padded"] else "unknown"
    return f"{facts['blocks']} blocks of {shape}" if facts["blocks"] > 1 else shape


def _time(seconds: float | None, spread: float | None = None) -> str:
    if seconds is None:
        return ""
    return duration(seconds) + (f" ±{spread:.0%}" if spread is not None else "")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _planning(figures: dict[str, Any]) -> str:
    first, later = figures["planning_first"], figures["planning_later"]
    return "" if first is None else _time(first) + (f" / {_time(later)}" if later is not None else "")


def _peak(figures: dict[str, Any]) -> str:
    if figures["peak"] is None:
        return ""
    volumes = figures["peak_in_volumes"]
    return format_bytes(figures["peak"]) + (f" ({volumes:.1f} v)" if volumes is not None else "")
