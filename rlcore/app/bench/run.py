"""`rlcore bench`: what is asked for, measured, shown and kept."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rlcore.algorithm.boundary import check_boundary
from rlcore.app.bench import chart, compare, selection, table
from rlcore.app.bench.machine import describe
from rlcore.app.bench.measure import measure, settings_of
from rlcore.app.bench.problems import SIZES, Problem, convert_problem, write_problem
from rlcore.app.bench.process import Processes
from rlcore.app.files.destination import partial_output
from rlcore.app.command_group import print_json
from rlcore.errors import InputError

DEFAULT = ("tiny", "small")


def run_bench(
    what: tuple[str, ...],
    *,
    output: Path | None,
    picture: Path | None,
    as_json: bool,
    as_markdown: bool,
    backends: tuple[str, ...],
    device: str | None,
    peers: bool,
    peer_names: tuple[str, ...],
    reference: bool,
    say: Callable[[str], None],
    **options: Any,
) -> None:
    """Measure, show the table, and write results and chart where asked."""
    check_boundary(options["boundary"])
    deadline = time.monotonic() + 60 * options["minutes"]
    with tempfile.TemporaryDirectory(prefix="rlcore-bench-") as name:
        folder = Path(name)
        processes = Processes(folder, settings_of(options), deadline)
        found, opencl = processes.survey()
        machine = describe(opencl)
        ours, others = ([e for e in found if e.ours is kind] for kind in (True, False))
        contestants = (selection.programs(others, peer_names) if peers else []) + selection.backends(
            ours, backends, device
        )
        result = measure(_problems(what, folder, say), contestants, processes, machine, reference=reference, say=say)
    if output is not None:
        with partial_output(output) as partial:
            partial.write_text(json.dumps(result, indent=1))
    if picture is not None:
        chart.draw([result], [], picture)
    show(result, as_json=as_json, as_markdown=as_markdown)


def show(result: dict[str, Any], *, as_json: bool, as_markdown: bool) -> None:
    """On stdout, in the form asked for."""
    if as_json:
        print_json(result)
    elif as_markdown:
        click.echo(table.markdown(result))
    else:
        table.show(result, table.wide_console())


def run_compare(
    paths: tuple[str, ...], *, picture: Path, as_markdown: bool, as_json: bool, say: Callable[[str], None]
) -> None:
    """One table and one chart of several results, and what in them cannot be compared."""
    results = [compare.read(Path(path)) for path in paths]
    names = compare.names_of(results, [Path(path) for path in paths])
    chart.draw(results, names, picture)
    for remark in compare.remarks(results, names):
        say(f"not comparable: {remark}")
    say(f"chart: {picture}")
    compare.show(results, names, as_json=as_json, as_markdown=as_markdown)


def _problems(what: tuple[str, ...], folder: Path, say: Callable[[str], None]) -> list[Problem]:
    names = tuple(SIZES) if what == ("all",) else what or DEFAULT
    if any(name in SIZES for name in names):
        say(f"making {', '.join(names)}")
        return [write_problem(name, folder) for name in names]
    if len(names) == 2:
        return [convert_problem(Path(names[0]), Path(names[1]), folder)]
    asked, known = " ".join(names), ", ".join(SIZES)
    raise InputError(f"problems {asked!r} are unknown; give names of {known}, or an image and a PSF file")
