"""The command `rlcore bench`: measures, prints and saves results, or compares saved ones."""

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
from rlcore.app.command_group import print_json
from rlcore.app.files.writing.destination import partial_output
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
    axes: str | None = None,
    psf_axes: str | None = None,
    **options: Any,
) -> None:
    """Measures, prints the table, and writes results and chart if requested.

    Parameters
    ----------
    what : tuple of str
        Names of problems, or an image and a PSF file; empty for the default problems.
    output, picture : Path or None
        Files for results (JSON) and chart (PNG).
    as_json, as_markdown : bool
        Form of the printed results; a table by default.
    backends, device, peers, peer_names
        Selection of contestants, as the command's options have it.
    reference : bool
        Measure errors against a float64 result.
    say : callable
        Receives lines about the progress.
    axes, psf_axes : str, optional
        Axes of the files of image and PSF, in place of their own.
    options
        Fields of `Settings`.

    Raises
    ------
    InputError
        If the selection does not exist.
    """
    check_boundary(options["boundary"])
    # started before the survey, which opens devices and may take long
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
        result = measure(
            _problems(what, folder, say, axes=axes, psf_axes=psf_axes),
            contestants,
            processes,
            machine,
            reference=reference,
            say=say,
        )
    if output is not None:
        with partial_output(output) as partial:
            partial.write_text(json.dumps(result, indent=1))
    if picture is not None:
        chart.draw([result], [], picture)
    show(result, as_json=as_json, as_markdown=as_markdown)


def show(result: dict[str, Any], *, as_json: bool, as_markdown: bool) -> None:
    """Prints the results on stdout as JSON, Markdown or a table."""
    if as_json:
        print_json(result)
    elif as_markdown:
        click.echo(table.markdown(result))
    else:
        table.show(result, table.wide_console())


def run_compare(
    paths: tuple[str, ...], *, picture: Path, as_markdown: bool, as_json: bool, say: Callable[[str], None]
) -> None:
    """Prints a table of several result files with remarks on what cannot be compared, and draws a chart."""
    results = [compare.read(Path(path)) for path in paths]
    names = compare.names_of(results, [Path(path) for path in paths])
    chart.draw(results, names, picture)
    for remark in compare.remarks(results, names):
        say(f"not comparable: {remark}")
    say(f"chart: {picture}")
    compare.show(results, names, as_json=as_json, as_markdown=as_markdown)


def _problems(what: tuple[str, ...], folder: Path, say: Callable[[str], None], **axes: str | None) -> list[Problem]:
    names = tuple(SIZES) if what == ("all",) else what or DEFAULT
    if any(name in SIZES for name in names):
        say(f"making {', '.join(names)}")
        return [write_problem(name, folder) for name in names]
    if len(names) == 2:
        return [convert_problem(Path(names[0]), Path(names[1]), folder, **axes)]
    asked, known = " ".join(names), ", ".join(SIZES)
    raise InputError(f"problems {asked!r} are unknown; give names of {known}, or an image and a PSF file")
