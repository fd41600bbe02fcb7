"""The command `rlcore backends`: lists the installed backends, and explains which one `auto` chooses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import rlcore
from rlcore.app.command_group import print_json
from rlcore.app.file_request import FileRequest
from rlcore.app.files.remote.url import Location
from rlcore.app.planning import plan_files
from rlcore.app.terminal import Terminal
from rlcore.backend import Device
from rlcore.backend.discovery.registry import Finding
from rlcore.backend.host.memory import format_bytes

COLOURS = {"usable": "green", "unavailable": "yellow"}


def show(*, as_json: bool, seconds: float) -> None:
    """Prints all installed backends, one per row, and the reasons of those that cannot run.

    Each is asked in a process of its own, which is ended after so many seconds.
    """
    terminal = Terminal()
    with terminal.listening():
        found = rlcore.survey(seconds)
    if as_json:
        print_json([asdict(finding) for finding in found])
        return
    table = Table("backend", "state", "device", "free memory", "from", box=None, pad_edge=False)
    for finding in found:
        state = f"[{COLOURS.get(finding.state, 'red')}]{finding.state}[/]"
        memory = "" if finding.memory is None else format_bytes(finding.memory)
        # names may contain brackets, which rich would read as markup
        texts = escape(finding.name), state, escape(_devices(finding)), memory, escape(finding.distribution)
        table.add_row(*texts)
    console = Console(highlight=False)
    console.print(table)
    for finding in found:
        if finding.reason:
            console.print(f"{finding.name}: {finding.reason}", markup=False, soft_wrap=True)


def _devices(finding: Finding) -> str:
    if not finding.devices:
        return finding.device
    return "\n".join(f"{device.index}: {device.name}{_size(device)}" for device in finding.devices)


def _size(device: Device) -> str:
    """Formats a device's memory and largest buffer, as far as they are known."""
    known = [
        f"{format_bytes(count)}{what}"
        for count, what in ((device.memory, ""), (device.buffer_limit, " a buffer"))
        if count is not None
    ]
    return f" [{', '.join(known)}]" if known else ""


def explain(image: Location, psf: Location, *, as_json: bool, **options: Any) -> None:
    """Prints the backend that a run on these files would use, the reason, and its plan."""
    request = FileRequest(image=image, psf=psf, **options)
    terminal = Terminal()
    with terminal.listening():
        choice = request.choose()
        forecast = plan_files(request, terminal.say)
    if as_json:
        chosen = {"backend": choice.backend.name, "device": choice.backend.device}
        print_json({**chosen, "reason": choice.reason, "passed": choice.passed, "plan": forecast.to_dict()})
        return
    click.echo(str(choice))
    for line in forecast.lines():
        click.echo(line)
