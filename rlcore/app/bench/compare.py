"""Comparison of several results, over machines or versions, with remarks on differences that forbid comparing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from rlcore.app.bench import table
from rlcore.app.bench.measure import FORMAT
from rlcore.app.command_group import print_json
from rlcore.errors import InputError

COLUMNS = (
    "problem", "program", "machine", "transforms", "per iteration", "warm", "calls", "Mvoxel-it/s", "x floor",
    "speed-up",
)  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    """Reads a result file.

    Raises
    ------
    InputError
        If the file cannot be read, or is of another format.
    """
    try:
        result = json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"results {str(path)!r} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"results {str(path)!r} are no JSON; give a file that rlcore bench -o wrote") from error
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise InputError(f"results {str(path)!r} are of another format; measure again with this version")
    return result


def names_of(results: list[dict[str, Any]], paths: list[Path]) -> list[str]:
    """Returns names that distinguish the results: graphics card or processor, with the file's name if two are alike."""
    if not results:
        raise InputError("--compare needs result files; name at least one")
    names = [_machine(result["machine"]) for result in results]
    alike = len(set(names)) < len(names)
    return [f"{name} ({path.stem})" if alike else name for name, path in zip(names, paths, strict=True)]


def _machine(machine: dict[str, Any]) -> str:
    cards = [card["name"] for card in machine["cards"]]
    count = f"{len(cards)} x " if len(cards) > 1 else ""
    return f"{count}{cards[0]}" if cards else f"{machine['processor']}, {machine['processors']} processors"


def remarks(results: list[dict[str, Any]], names: list[str]) -> list[str]:
    """Returns reasons why rows of one name cannot be compared, one sentence each."""
    first, found = results[0], []
    for result, name in zip(results[1:], names[1:], strict=True):
        for key, what in (("iterations", "iterations"), ("boundary", "boundary")):
            if result["settings"][key] != first["settings"][key]:
                found.append(f"{what} {result['settings'][key]} on {name}, {first['settings'][key]} on {names[0]}")
        if result["machine"]["commit"] != first["machine"]["commit"]:
            commits = result["machine"]["commit"], first["machine"]["commit"]
            found.append(f"commit {commits[0]} on {name}, {commits[1]} on {names[0]}")
        found += _different_problems(result, name, first, names[0])
    return found


def _different_problems(result: dict[str, Any], name: str, first: dict[str, Any], first_name: str) -> list[str]:
    known = {problem["name"]: problem for problem in first["problems"]}
    absent = set(known) - {problem["name"] for problem in result["problems"]}
    found = [f"problem {missing!r} was run on {first_name} but not on {name}" for missing in sorted(absent)]
    for problem in result["problems"]:
        other = known.get(problem["name"])
        if other is None:
            found.append(f"problem {problem['name']!r} was run on {name} but not on {first_name}")
        elif any(problem[key] != other[key] for key in ("shape", "psf_shape", "digest")):
            found.append(f"problem {problem['name']!r} has other data on {name} than on {first_name}")
        else:
            found += _different_rows(problem, name, other, first_name)
    return found


def _different_rows(problem: dict[str, Any], name: str, other: dict[str, Any], other_name: str) -> list[str]:
    """Returns remarks on programs of one name that differ in version or in the amount of work."""
    known = {row["name"]: row for row in other["rows"] if table.measured(row)}
    found = []
    for row in filter(table.measured, problem["rows"]):
        if theirs := known.get(row["name"]):
            found += [
                f"{row['name']} on {problem['name']!r}: {what} {mine[key]} on {name}, {its[key]} on {other_name}"
                for key, what, mine, its in (
                    ("version", "version", row["facts"], theirs["facts"]),
                    ("blocks", "blocks", row["facts"], theirs["facts"]),
                    ("iterations", "iterations in a call", row, theirs),
                )
                if mine[key] != its[key]
            ]
    return found


def lines_of(results: list[dict[str, Any]], names: list[str]) -> list[list[str]]:
    """Returns the rows of the table, ordered by problem, program and machine."""
    made = []
    for problem_name in dict.fromkeys(p["name"] for result in results for p in result["problems"]):
        found = [
            (name, result["settings"]["iterations"], row)
            for result, name in zip(results, names, strict=True)
            for problem in result["problems"]
            if problem["name"] == problem_name
            for row in filter(table.measured, problem["rows"])
        ]
        programs = list(dict.fromkeys(row["name"] for _, _, row in found))
        # the sort is stable, so the machines keep their order within a program
        for name, asked, row in sorted(found, key=lambda each: programs.index(each[2]["name"])):
            cells = {"problem": problem_name, "machine": name, **table.cells(row, found[0][2], asked)}
            made.append([cells[column] for column in COLUMNS])
    return made


def show(results: list[dict[str, Any]], names: list[str], *, as_json: bool, as_markdown: bool) -> None:
    """Prints the comparison on stdout as JSON, Markdown or a table."""
    if as_json:
        print_json(dict(zip(names, results, strict=True)))
    elif as_markdown:
        click.echo("\n".join(table.markdown_table(COLUMNS, lines_of(results, names))))
    else:
        # names of machines are too long for the width of a terminal
        letters = [chr(ord("A") + number) for number in range(len(names))]
        console, made = table.wide_console(), Table(*COLUMNS, box=None, pad_edge=False)
        for line in lines_of(results, letters):
            made.add_row(*line)
        console.print(made)
        for letter, name in zip(letters, names, strict=True):
            console.print(f"{letter}: {name}", markup=False, soft_wrap=True)
