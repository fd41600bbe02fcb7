"""The command `rlcore psf models`: lists the installed models of PSFs."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rlcore.app.command_group import print_json
from rlcore.app.survey import COLOURS
from rlcore.optics.models import survey_models


def show(*, as_json: bool) -> None:
    """Prints all installed models, one per row, and the reasons of those that cannot be used."""
    found = survey_models()
    if as_json:
        print_json([asdict(finding) for finding in found])
        return
    table = Table("model", "state", "what it is", "from", box=None, pad_edge=False)
    for finding in found:
        state = f"[{COLOURS.get(finding.state, 'red')}]{finding.state}[/]"
        # summaries may contain brackets, which rich would read as markup
        table.add_row(escape(finding.name), state, escape(finding.summary), escape(finding.distribution))
    console = Console(highlight=False)
    console.print(table)
    for finding in found:
        if finding.reason:
            console.print(f"{finding.name}: {finding.reason}", markup=False, soft_wrap=True)
